import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'examples/testing/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    globalSetup: ['test/setup/prepare.ts'],
    reporters: ['default', './test/setup/left-out.ts'],
    fileParallelism: true,
    maxWorkers: 2,
  },
});

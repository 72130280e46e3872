// Ctrl-C at any moment, and a terminal that is closed: what runs is stopped by a signal that it listens to, and nothing is left behind.

const STATUS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

export interface Interruption {
  readonly signal: AbortSignal;
  /** Exit status once `signal` has fired. */
  readonly status: number;
  /** Gives the signals back to Node, which ends the process. */
  dispose(): void;
}

export function abortOnSignals(): Interruption {
  const controller = new AbortController();
  const hangUp = () => controller.abort('SIGHUP');
  const interrupt = () => controller.abort('SIGINT');
  const terminate = () => controller.abort('SIGTERM');
  process.on('SIGHUP', hangUp).on('SIGINT', interrupt).on('SIGTERM', terminate);
  return {
    signal: controller.signal,
    get status() {
      return STATUS[controller.signal.reason as keyof typeof STATUS];
    },
    dispose: () => void process.off('SIGHUP', hangUp).off('SIGINT', interrupt).off('SIGTERM', terminate),
  };
}

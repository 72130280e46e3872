// Five bodies under gravity: f64 arithmetic over a small array of structures.
#include "kernel.h"

typedef struct { double x, y, z, vx, vy, vz, mass; } Body;
enum { BODIES = 5 };
static Body bodies[BODIES];

static void advance(double dt) {
  for (int i = 0; i < BODIES; i++) {
    Body *a = &bodies[i];
    for (int j = i + 1; j < BODIES; j++) {
      Body *b = &bodies[j];
      double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
      double square = dx * dx + dy * dy + dz * dz;
      double magnitude = dt / (square * __builtin_sqrt(square));
      a->vx -= dx * b->mass * magnitude;
      a->vy -= dy * b->mass * magnitude;
      a->vz -= dz * b->mass * magnitude;
      b->vx += dx * a->mass * magnitude;
      b->vy += dy * a->mass * magnitude;
      b->vz += dz * a->mass * magnitude;
    }
  }
  for (int i = 0; i < BODIES; i++) {
    bodies[i].x += dt * bodies[i].vx;
    bodies[i].y += dt * bodies[i].vy;
    bodies[i].z += dt * bodies[i].vz;
  }
}

RUN(int32_t n) {
  for (int i = 0; i < BODIES; i++) {
    Body body = {i * 3.1, i * 1.7 - 2, 0.3 * i, 0.1 * i, 0.2, -0.05 * i, 1.0 / (1 + i)};
    bodies[i] = body;
  }
  for (int32_t step = 0; step < n; step++) advance(0.001);
  return (int32_t)(bodies[0].x * 1e6) ^ (int32_t)(bodies[4].z * 1e6);
}

// Objects with methods behind pointers: an indirect call for every small piece of work.
#include "kernel.h"

typedef struct Shape Shape;
struct Shape { int32_t (*area)(const Shape *); void (*grow)(Shape *, int32_t); int32_t width, height; };

static int32_t square_area(const Shape *s) { return s->width * s->width; }
static int32_t box_area(const Shape *s) { return s->width * s->height; }
static int32_t triangle_area(const Shape *s) { return s->width * s->height / 2; }
static void grow_width(Shape *s, int32_t by) { s->width = (s->width + by) & 1023; }
static void grow_both(Shape *s, int32_t by) {
  s->width = (s->width + by) & 1023;
  s->height = (s->height ^ by) & 1023;
}

enum { SHAPES = 1024 };
static Shape shapes[SHAPES];

RUN(int32_t n) {
  random_reset();
  for (int i = 0; i < SHAPES; i++) {
    uint32_t kind = random_next() % 3;
    shapes[i].area = kind == 0 ? square_area : kind == 1 ? box_area : triangle_area;
    shapes[i].grow = kind == 0 ? grow_width : grow_both;
    shapes[i].width = i;
    shapes[i].height = SHAPES - i;
  }
  int32_t sum = 0;
  for (int32_t round = 0; round < n; round++)
    for (int i = 0; i < SHAPES; i++) {
      sum += shapes[i].area(&shapes[i]);
      shapes[i].grow(&shapes[i], round + i);
    }
  return sum;
}

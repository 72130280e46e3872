// Builds and walks binary trees: allocation, recursion, loads that depend on loads.
#include "kernel.h"

typedef struct Tree { struct Tree *left, *right; } Tree;

static NOINLINE Tree *build(int32_t depth) {
  Tree *tree = allocate(sizeof(Tree));
  tree->left = depth == 0 ? 0 : build(depth - 1);
  tree->right = depth == 0 ? 0 : build(depth - 1);
  return tree;
}

static NOINLINE int32_t count(const Tree *tree) {
  return tree->left == 0 ? 1 : 1 + count(tree->left) + count(tree->right);
}

RUN(int32_t n) {
  int32_t sum = 0;
  for (int32_t round = 0; round < n; round++) {
    release_all();
    sum += count(build(14 + (round & 1)));
  }
  return sum;
}

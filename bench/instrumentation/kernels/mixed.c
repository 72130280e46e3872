// A mixed program in the manner of CoreMark, built for WASI: lists, matrices, a state machine and CRCs, in one loop,
// each result folded into the checksum that is printed at the end.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef ITERATIONS
#define ITERATIONS 300
#endif

static uint16_t crc_byte(uint8_t data, uint16_t crc) {
  for (int i = 0; i < 8; i++) {
    int carry = (data ^ crc) & 1;
    data >>= 1;
    crc >>= 1;
    if (carry) crc ^= 0xa001;
  }
  return crc;
}

static uint16_t crc_word(uint16_t value, uint16_t crc) {
  return crc_byte((uint8_t)(value >> 8), crc_byte((uint8_t)value, crc));
}

/* Lists: items of a value and an index, found, reversed and merge-sorted by two comparisons. */

typedef struct Item {
  struct Item *next;
  int16_t value, index;
} Item;

enum { ITEMS = 200 };
typedef int (*Compare)(const Item *, const Item *);

static int by_index(const Item *a, const Item *b) { return a->index - b->index; }

static uint16_t weigh(int16_t value) {
  uint16_t crc = (uint16_t)value;
  if (value & 0x80) return crc & 0x7f;
  return crc_word((uint16_t)(value & 7), crc) & 0x7f;
}

static int by_weight(const Item *a, const Item *b) { return (int)weigh(a->value) - (int)weigh(b->value); }

static Item *merge(Item *a, Item *b, Compare compare) {
  Item head = {NULL, 0, 0}, *tail = &head;
  while (a != NULL && b != NULL) {
    Item **least = compare(a, b) <= 0 ? &a : &b;
    tail->next = *least;
    tail = *least;
    *least = (*least)->next;
  }
  tail->next = a != NULL ? a : b;
  return head.next;
}

static Item *sort(Item *list, Compare compare) {
  if (list == NULL || list->next == NULL) return list;
  Item *slow = list, *fast = list->next;
  while (fast != NULL && fast->next != NULL) {
    slow = slow->next;
    fast = fast->next->next;
  }
  Item *half = slow->next;
  slow->next = NULL;
  return merge(sort(list, compare), sort(half, compare), compare);
}

static Item *reverse(Item *list) {
  Item *done = NULL;
  while (list != NULL) {
    Item *rest = list->next;
    list->next = done;
    done = list;
    list = rest;
  }
  return done;
}

static Item *find(Item *list, int16_t value) {
  while (list != NULL && (list->value & 0xff) != value) list = list->next;
  return list;
}

static uint16_t run_lists(Item *items, int iteration, uint16_t crc) {
  for (int i = 0; i < ITEMS; i++) {
    items[i].value = (int16_t)((i * 37 + iteration * 11) & 0x7fff);
    items[i].index = (int16_t)((i * 91) % ITEMS);
    items[i].next = i + 1 < ITEMS ? &items[i + 1] : NULL;
  }
  Item *list = items;
  for (int k = 0; k < 30; k++) {
    Item *found = find(list, (int16_t)((k * 13 + iteration) & 0xff));
    list = reverse(list);
    if (found != NULL) crc = crc_word((uint16_t)found->value, crc);
  }
  list = sort(list, by_weight);
  for (int k = 0; k < 20 && list->next != NULL; k++) crc = crc_word((uint16_t)list->next->value, crc);
  list = sort(list, by_index);
  for (Item *item = list; item != NULL; item = item->next) crc = crc_word((uint16_t)item->value, crc);
  return crc;
}

/* Matrices of 16-bit integers. */

enum { SIDE = 24 };
static int16_t left[SIDE][SIDE], right[SIDE][SIDE];
static int32_t product[SIDE][SIDE];

static void add_constant(int16_t m[SIDE][SIDE], int16_t value) {
  for (int i = 0; i < SIDE; i++)
    for (int j = 0; j < SIDE; j++) m[i][j] = (int16_t)(m[i][j] + value);
}

static void multiply_bits(void) {
  for (int i = 0; i < SIDE; i++)
    for (int j = 0; j < SIDE; j++) {
      int32_t sum = 0;
      for (int k = 0; k < SIDE; k++) {
        int32_t term = left[i][k] * right[k][j];
        sum += ((term >> 2) & 15) * ((term >> 5) & 127);
      }
      product[i][j] = sum;
    }
}

static void multiply(void) {
  for (int i = 0; i < SIDE; i++)
    for (int j = 0; j < SIDE; j++) {
      int32_t sum = 0;
      for (int k = 0; k < SIDE; k++) sum += left[i][k] * right[k][j];
      product[i][j] = sum;
    }
}

static int16_t sum_above(int32_t threshold) {
  int32_t running = 0, previous = 0;
  int16_t total = 0;
  for (int i = 0; i < SIDE; i++)
    for (int j = 0; j < SIDE; j++) {
      int32_t value = product[i][j];
      running += value;
      if (running > threshold) {
        total = (int16_t)(total + 10);
        running = 0;
      } else {
        total = (int16_t)(total + (value > previous));
      }
      previous = value;
    }
  return total;
}

static uint16_t run_matrices(int iteration, uint16_t crc) {
  for (int i = 0; i < SIDE; i++)
    for (int j = 0; j < SIDE; j++) {
      left[i][j] = (int16_t)((i * SIDE + j + iteration) & 0xff);
      right[i][j] = (int16_t)((i + j * 3) & 0x7f);
    }
  add_constant(left, (int16_t)iteration);
  multiply();
  crc = crc_word((uint16_t)sum_above(1000), crc);
  multiply_bits();
  crc = crc_word((uint16_t)sum_above(2000), crc);
  add_constant(left, (int16_t)-iteration);
  return crc;
}

/* A state machine that tells integers, floats and nonsense apart. */

enum State { START, SIGN, INTEGER, POINT, EXPONENT, EXPONENT_SIGN, SCIENTIFIC, INVALID, STATES };

static int is_digit(char c) { return c >= '0' && c <= '9'; }

static enum State step(enum State state, char c) {
  switch (state) {
    case START: return is_digit(c) ? INTEGER : c == '+' || c == '-' ? SIGN : c == '.' ? POINT : INVALID;
    case SIGN: return is_digit(c) ? INTEGER : c == '.' ? POINT : INVALID;
    case INTEGER: return is_digit(c) ? INTEGER : c == '.' ? POINT : INVALID;
    case POINT: return is_digit(c) ? POINT : c == 'e' || c == 'E' ? EXPONENT : INVALID;
    case EXPONENT: return c == '+' || c == '-' ? EXPONENT_SIGN : INVALID;
    case EXPONENT_SIGN: return is_digit(c) ? SCIENTIFIC : INVALID;
    case SCIENTIFIC: return is_digit(c) ? SCIENTIFIC : INVALID;
    default: return INVALID;
  }
}

static uint16_t run_states(char *text, int length, int iteration, uint16_t crc) {
  int counts[STATES] = {0}, visits[STATES] = {0};
  for (int round = 0; round < 2; round++) {
    for (char *p = text; *p != 0;) {
      enum State state = START;
      for (; *p != 0 && *p != ','; p++) {
        state = step(state, *p);
        visits[state]++;
        if (state == INVALID) {
          while (*p != 0 && *p != ',') p++;
          break;
        }
      }
      counts[state]++;
      if (*p == ',') p++;
    }
    for (int i = iteration & 15; i < length; i += 17)
      if (text[i] != ',') text[i] ^= 1;
  }
  for (int i = 0; i < STATES; i++) crc = crc_word((uint16_t)visits[i], crc_word((uint16_t)counts[i], crc));
  return crc;
}

int main(void) {
  static const char pattern[] = "5012,1234,-874,+122,35.54400,.1234500,-110.700,+0.64400,5.500e+3,-.123e-2,T0.3e-1F,1.2a,";
  enum { COPIES = 12 };
  int length = COPIES * (int)(sizeof pattern - 1);
  Item *items = malloc(sizeof(Item) * ITEMS);
  char *text = malloc((size_t)length + 1);
  uint16_t crc = 0;
  for (int iteration = 0; iteration < ITERATIONS; iteration++) {
    for (int copy = 0; copy < COPIES; copy++) memcpy(text + copy * (sizeof pattern - 1), pattern, sizeof pattern);
    crc = run_lists(items, iteration, crc);
    crc = run_matrices(iteration, crc);
    crc = run_states(text, length, iteration, crc);
  }
  printf("checksum %04x\n", crc);
  free(text);
  free(items);
  return 0;
}

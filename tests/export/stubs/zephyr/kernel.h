/* What the example's README uses of Zephyr. */
#include <stddef.h>
#include <stdint.h>

struct k_mem_slab {
    int blocks;
};
struct device {
    int state;
};

#define K_MEM_SLAB_DEFINE_STATIC(name, bytes, count, alignment) static struct k_mem_slab name = {(bytes) / (alignment) * (count)}
#define DT_NODELABEL(label) 0
#define DEVICE_DT_GET(node) ((const struct device *)(node))

void k_mem_slab_free(struct k_mem_slab *slab, void *mem);
void printk(const char *fmt, ...);

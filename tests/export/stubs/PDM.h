/* What the sketch in the example's README uses of Arduino. */
#include <cstddef>

static struct {
    int available() { return 0; }
    int read(void *, std::size_t) { return 0; }
    void onReceive(void (*)(void)) {}
    int begin(int, int) { return 1; }
} PDM;

static struct {
    void begin(unsigned long) {}
    void println(const char *) {}
} Serial;

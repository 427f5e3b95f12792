/* Executes INSTRUCTION, which the compiler may not know the processor to have, and ends with 0. */
int main(void)
{
    __asm__ volatile(INSTRUCTION);
    return 0;
}

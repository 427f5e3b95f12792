/* Ends with STATUS. */
int main(void)
{
    return STATUS;
}

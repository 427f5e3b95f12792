/* What must not be found in the runtime: float arithmetic. */
int tenths(int a);

int tenths(int a)
{
    return (int)(a * 0.3);
}

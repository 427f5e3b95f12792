/* What is this processor's own; 64-bit Arm under Linux. */
#ifndef PROCESSOR_H
#define PROCESSOR_H

#define TAKE_STACK_POINTER "mov %0, sp"

#endif

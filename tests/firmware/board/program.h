/* What every processor's start-up code, which sets the stack pointer, calls. */
#ifndef PROGRAM_H
#define PROGRAM_H

/* Fills the variables, runs main and ends with its status. */
__attribute__((noreturn)) void run_program(void);

#endif

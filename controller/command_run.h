/* The command line, from argv to an exit code. */
#pragma once

int command_run(int argc, char **argv);

/* What confine.c and confine_reader.c share. */
#pragma once

/* Landlock with no rule at all. Gives its version; 0: not in force. */
int confine_from_everything(void);

/* What cppcheck, which does not look into the system's headers, must know of them. */
#define LIST_HEAD(name, type) struct { struct type *lh_first; }
#define LIST_ENTRY(type) struct { struct type *le_next, **le_prev; }
#define LIST_FOREACH(item, head, field) for ((item) = (head)->lh_first; (item) != NULL; (item) = (item)->field.le_next)

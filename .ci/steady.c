/* The same "random" bytes each time, for the compiler alone (.ci/release): the macro behind age's messages writes
 * their arguments in the order of a HashMap, whose keys std draws from here, so that no two builds were the same. */
#include <string.h>
#include <sys/types.h>

ssize_t getrandom(void *buffer, size_t length, unsigned int flags)
{
    (void)flags;
    memset(buffer, 7, length);
    return (ssize_t)length;
}

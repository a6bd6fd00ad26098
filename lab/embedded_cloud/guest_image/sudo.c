/* sudo of the lab's guest: anybody may become root. Its options are skipped:
   none of those that Tempest gives changes what is run. */
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int first = 1;

    while (first < argc && argv[first][0] == '-')
        first++;
    if (first == argc) {
        fprintf(stderr, "usage: sudo COMMAND...\n");
        return 1;
    }
    if (setgid(0) || setuid(0)) {
        perror("sudo");
        return 1;
    }
    execvp(argv[first], argv + first);
    perror(argv[first]);
    return 127;
}

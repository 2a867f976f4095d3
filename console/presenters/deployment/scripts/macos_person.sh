# Prints the person at the screen; nothing where nobody has signed in.
person() {
    printf 'show State:/Users/ConsoleUser\n' | scutil |
        awk '/^ *Name :/ && $3 !~ /^(loginwindow|_mbsetupuser|root)$/ { print $3 }'
}

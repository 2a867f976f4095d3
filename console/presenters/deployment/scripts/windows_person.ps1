# Returns the person at the screen, who owns the desktop (explorer.exe); nothing where nobody has signed in.
function Get-Person {
    foreach ($process in Get-CimInstance -ClassName Win32_Process -Filter "Name = 'explorer.exe'") {
        $owner = Invoke-CimMethod -InputObject $process -MethodName GetOwner
        if ($owner.ReturnValue -eq 0 -and $owner.User) {
            return $owner.User
        }
    }
}

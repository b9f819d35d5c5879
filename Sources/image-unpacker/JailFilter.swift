import LinuxKernel

/// The system calls that unpacking needs: files below the root, memory, and the end. No sockets, no exec, no clone.
enum JailFilter {
    private static let allowed = """
        read write readv writev pread64 pwrite64 lseek close fstat newfstatat fstatat64 stat lstat statx open openat fcntl
        mkdir mkdirat rmdir unlink unlinkat link linkat symlink symlinkat readlink readlinkat rename renameat
        chmod fchmod fchmodat chown fchown lchown fchownat utimensat utimes futimesat ftruncate truncate umask
        mknod mknodat setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr
        removexattr fremovexattr lremovexattr fstatfs statfs fchdir chdir getcwd getdents64 ioctl syncfs fsync
        mmap mmap2 munmap mprotect mremap madvise brk futex rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack getrandom
        getpid gettid tgkill getuid geteuid getgid getegid clock_gettime gettimeofday time poll exit exit_group
        set_robust_list rseq sched_yield
        """.split { $0 == " " || $0 == "\n" }.map(String.init)

    static func program() throws(SystemError) -> [UInt8] {
        let filter = try SeccompFilter(defaultErrno: 1)
        for name in allowed { try filter.allow(name) }
        return try filter.program(newest: 450)
    }
}

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A POSIX thread with a nice value and scheduling policy of its own, which Dispatch and Foundation do not offer on Linux. It starts with
/// those of its creator.
public struct PlainThread: Sendable {
  private final class Work: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  private let handle: pthread_t

  private static let stackBytes = 8 * 1_048_576

  /// Starts the thread. Every thread must be joined or detached once.
  public init(_ body: @escaping @Sendable () -> Void) {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setstacksize(&attributes, Self.stackBytes)
    defer { pthread_attr_destroy(&attributes) }
    #if canImport(Glibc)
      var handle = pthread_t()
    #else
      var handle: pthread_t!
    #endif
    let failed = pthread_create(
      &handle, &attributes,
      { argument in
        #if canImport(Glibc)
          let pointer = argument!
        #else
          let pointer = argument
        #endif
        Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue().body()
        return nil
      }, Unmanaged.passRetained(Work(body)).toOpaque())
    precondition(failed == 0, "cannot start a thread: \(String(cString: strerror(failed)))")
    self.handle = handle
  }

  public func join() { pthread_join(handle, nil) }
  public func detach() { pthread_detach(handle) }

  /// Lowers the priority of the calling thread; threads that it starts inherit that. On other systems than Linux, nothing happens, because
  /// there the nice value belongs to the process.
  public static func lowerPriority(nice: Int) {
    #if os(Linux)
      setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, CInt(nice))
    #endif
  }

  /// Lets the calling thread run only where a core has nothing else to do: any other thread that wakes up preempts it at once, which a
  /// high nice value does not give (sched(7), SCHED_IDLE). An unprivileged thread cannot undo this. Linux only.
  static func yieldToAllOthers() {
    #if os(Linux)
      var parameters = sched_param()
      parameters.sched_priority = 0
      sched_setscheduler(0, 5 /* SCHED_IDLE */, &parameters)
    #endif
  }

  /// The processor time that the thread has used, in nanoseconds; `nil` where that is unknown. The thread must not be joined yet.
  var processorNanoseconds: UInt64? {
    #if os(Linux)
      var clock = clockid_t()
      var time = timespec()
      guard pthread_getcpuclockid(handle, &clock) == 0, clock_gettime(clock, &time) == 0 else { return nil }
      return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    #else
      return nil
    #endif
  }
}

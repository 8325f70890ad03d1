/// The exit status of the process; 64 and 78 are those of `sysexits.h`.
enum ExitStatus: Int32, CaseIterable, Sendable {
  case done = 0
  case failed = 1
  case usage = 64
  case configuration = 78

  var sentence: String {
    switch self {
    case .done: "done"
    case .failed: "failed"
    case .usage: "the command line is wrong"
    case .configuration: "the configuration is wrong"
    }
  }
}

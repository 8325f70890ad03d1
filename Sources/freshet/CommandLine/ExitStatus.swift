/// The exit status of the process; 64, 75 and 78 are those of `sysexits.h`.
enum ExitStatus: Int32, CaseIterable, Sendable {
  case done = 0
  case failed = 1
  case usage = 64
  /// Another engine does the work of this one, so starting again at once would be in vain.
  case displaced = 75
  case configuration = 78

  var sentence: String {
    switch self {
    case .done: "done"
    case .failed: "failed"
    case .usage: "the command line is wrong"
    case .displaced: "this engine gave way to another one"
    case .configuration: "the configuration is wrong"
    }
  }
}

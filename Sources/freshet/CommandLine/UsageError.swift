/// A command line that cannot be run, with what would have been right.
struct UsageError: Error, Equatable, CustomStringConvertible {
  let message: String
  /// The usage of the command, if it is known which one was meant.
  let usage: String?

  init(_ message: String, usage: String? = nil) {
    self.message = message
    self.usage = usage
  }

  var description: String { usage.map { "\(message)\nUsage: \($0)" } ?? message }
}

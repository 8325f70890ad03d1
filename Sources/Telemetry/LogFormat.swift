/// The format of log lines: JSON objects for programs, plain text for people.
public enum LogFormat: String, CaseIterable, Sendable {
  /// Text if the output is a terminal, JSON otherwise.
  case auto
  case json, text
}

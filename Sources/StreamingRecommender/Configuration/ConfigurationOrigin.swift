/// The source of a key's effective value.
public enum ConfigurationOrigin: Sendable, Equatable, CustomStringConvertible {
  case `default`
  /// A command's own default that differs from the engine's, such as one of `train`.
  case command(String)
  case file(String)
  case environment(String)
  case flag

  public var description: String {
    switch self {
    case .default: "default"
    case .command(let name): "default of \(name)"
    case .file(let path): "file \(path)"
    case .environment(let name): "environment \(name)"
    case .flag: "flag"
    }
  }

  /// The precedence of the source; a higher rank wins.
  var rank: Int {
    switch self {
    case .default: 0
    case .command: 1
    case .file: 2
    case .environment: 3
    case .flag: 4
    }
  }
}

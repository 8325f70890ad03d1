/// Where the effective value of a key came from.
public enum ConfigurationOrigin: Sendable, Equatable, CustomStringConvertible {
  case `default`
  /// A default of one command, such as `train`, that differs from the engine's.
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

  /// A higher rank wins.
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

/// Writes commands in the protocol of Redis: `*N\r\n`, then `$length\r\nbytes\r\n` for each argument.
struct RESPWriter {
  enum Argument: ExpressibleByStringLiteral {
    case text(String)
    case bytes([UInt8])
    init(stringLiteral value: String) { self = .text(value) }
  }

  private(set) var bytes: [UInt8] = []
  private(set) var commands = 0

  mutating func append(_ arguments: [Argument]) {
    header("*", arguments.count)
    for argument in arguments {
      switch argument {
      case .text(let text):
        header("$", text.utf8.count)
        bytes += text.utf8
      case .bytes(let value):
        header("$", value.count)
        bytes += value
      }
      endLine()
    }
    commands += 1
  }

  private mutating func header(_ mark: Unicode.Scalar, _ number: Int) {
    bytes.append(UInt8(ascii: mark))
    bytes += String(number).utf8
    endLine()
  }

  private mutating func endLine() {
    bytes.append(UInt8(ascii: "\r"))
    bytes.append(UInt8(ascii: "\n"))
  }
}

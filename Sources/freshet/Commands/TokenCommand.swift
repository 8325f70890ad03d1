import HTTPServing
import Telemetry

/// `freshet token new NAME ROLE`: makes a token for an HTTP server.
struct TokenCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  func new() throws {
    let (name, word) = (context.parsed.operands[0], context.parsed.operands[1])
    guard let role = AccessRole(rawValue: word) else {
      throw UsageError(
        "the role must be one of \(AccessRole.allCases.map(\.rawValue).joined(separator: ", ")), not \(word)",
        usage: context.parsed.command.usage)
    }
    let made: AccessToken.New
    do { made = try AccessToken.make(name: name, role: role) } catch {
      throw UsageError("\(error)", usage: context.parsed.command.usage)
    }
    if context.json {
      context.print((["token": .string(made.token), "line": .string(made.line)] as JSONValue).text)
      return
    }
    context.print(made.token)
    context.note("the token is shown once; clients send it as Authorization: Bearer TOKEN. Append this line to the file of tokens:")
    context.note(made.line)
  }
}

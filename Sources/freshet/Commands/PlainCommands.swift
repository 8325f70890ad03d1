import ControlPlane
import Factorization
import KafkaIngest
import StreamingRecommender
import Telemetry

/// `freshet config show` and `freshet config check`.
struct ConfigCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  func show() throws {
    if context.options.flag("markdown") {
      context.print(String(ConfigurationDocument.markdown().dropLast()))
      return
    }
    let loaded = try context.loaded()
    context.print(context.json ? loaded.renderedJSON() : loaded.rendered())
  }

  func check() throws {
    let loaded = try context.loaded()
    let token = loaded.configuration.admin.tokenFile
    if !token.isEmpty { _ = try AdminToken.tokens(token) }
    guard !context.json else {
      let report: JSONValue = ["ok": true, "file": loaded.file.map { .string($0) } ?? .null]
      return context.print(report.text)
    }
    if let file = loaded.file {
      context.print("the configuration is valid: \(file), the environment and the options were checked")
    } else {
      let places = ConfigurationLoader.searchPaths.joined(separator: " or ")
      context.print("the configuration is valid: no file was found at \(places), so only the environment and the options were checked")
    }
  }
}

/// `freshet version`.
struct VersionCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  func run() {
    let kernels = Kernels.available.map(\.name).joined(separator: " ")
    if context.json {
      context.print(
        ([
          "version": .string(Version.freshet), "librdkafka": .string("\(LibraryVersion.linked)"), "kernel": .string(Kernels.best.name),
        ] as JSONValue).text)
    } else {
      context.print("freshet \(Version.freshet), librdkafka \(LibraryVersion.linked), kernel \(Kernels.best.name) (of \(kernels))")
    }
  }
}

/// `freshet completion`.
struct CompletionCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  func run() throws {
    let name = context.parsed.operands[0]
    guard let shell = ShellCompletion(rawValue: name) else {
      throw UsageError("there is no completion for \(name); allowed: bash, zsh or fish")
    }
    context.print(String(shell.script.dropLast()))
  }
}

/// `freshet help`.
struct HelpCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  func run() throws {
    context.print(String(try text().trimmingSuffix("\n")))
  }

  private func text() throws -> String {
    // `--help` of another command comes here, too, and has none of these options.
    guard context.parsed.command.id == .help else { return try HelpText.text(on: context.parsed.operands) }
    if context.options.flag("markdown") { return CommandDocument.markdown() }
    if context.options.flag("routes") { return AdminDocument.markdown() }
    if context.options.flag("metrics") { return MetricDocument.markdown() }
    if context.options.flag("man") { return ManualPage.text() }
    return try HelpText.text(on: context.parsed.operands)
  }
}

extension String {
  fileprivate func trimmingSuffix(_ character: Character) -> Substring {
    var text = self[...]
    while text.last == character { text.removeLast() }
    return text
  }
}

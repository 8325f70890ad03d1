import Factorization
import KafkaIngest
import StreamingRecommender

/// `freshet config show` and `check`.
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
    context.print(context.json ? "{\"ok\":true}" : "the configuration is right\(loaded.file.map { " (\($0))" } ?? "")")
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
        ] as JSONOutput).description)
    } else {
      context.print("freshet \(Version.freshet), librdkafka \(LibraryVersion.linked), kernel \(Kernels.best.name) (of \(kernels))")
    }
  }
}

/// `freshet help`.
struct HelpCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  func run() throws {
    let isMarkdown = context.parsed.command.id == .help && context.options.flag("markdown")
    context.print(String(try (isMarkdown ? CommandDocument.markdown() : HelpText.text(on: context.parsed.operands)).trimmingSuffix("\n")))
  }
}

extension String {
  fileprivate func trimmingSuffix(_ character: Character) -> Substring {
    var text = self[...]
    while text.last == character { text.removeLast() }
    return text
  }
}

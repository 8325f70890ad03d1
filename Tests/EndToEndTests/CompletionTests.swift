import Foundation
import Testing

@testable import freshet

/// Completion scripts, run by the shells that are installed.
@Suite struct CompletionTests {
  /// Runs a program with input; `nil` where it is not installed.
  private static func run(_ program: String, _ arguments: [String], input: String) throws -> (status: Int32, output: String)? {
    let paths = ["/bin/", "/usr/bin/", "/usr/local/bin/"].map { $0 + program }
    guard let path = paths.first(where: FileManager.default.isExecutableFile) else { return nil }
    let file = FileManager.default.temporaryDirectory.appending(path: "completion-\(UUID().uuidString)")
    try input.write(to: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: file) }
    let process = Process()
    process.executableURL = URL(filePath: path)
    process.arguments = arguments + [file.path]
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, output)
  }

  private func completed(_ words: [String]) throws -> [String] {
    let quoted = words.map { "'\($0)'" }.joined(separator: " ")
    let script =
      ShellCompletion.bash.script
      + "\nCOMP_WORDS=(freshet \(quoted)); COMP_CWORD=\(words.count); _freshet; printf '%s\\n' \"${COMPREPLY[@]}\"\n"
    let result = try #require(try Self.run("bash", ["--norc"], input: script), "bash is needed")
    #expect(result.status == 0, "\(result.output)")
    return result.output.split(separator: "\n").map(String.init)
  }

  @Test func bashCompletesCommandsOptionsAndValues() throws {
    #expect(try completed(["se"]) == ["serve"])
    #expect(try completed([""]).contains("demo"))
    #expect(try completed(["evaluate", ""]) == ["prequential", "holdout", "model"])
    #expect(try completed(["evaluate", "prequential", "--abl"]) == ["--ablation"])
    #expect(try completed(["produce", "--value", ""]) == ["ignore", "weight", "log1p"])
    #expect(try completed(["serve", "--set", "model.fac"]) == ["model.factors="])
    #expect(try completed(["--config", "x.json", "status", "--wa"]) == ["--watch"])
    #expect(try completed(["completion", "z"]) == ["zsh"])
    #expect(try completed(["recommend", "u1", "-"]).contains("-n"))
  }

  @Test func everyCommandAndOptionIsInEveryScript() {
    for shell in ShellCompletion.allCases {
      for command in CommandTable.commands {
        #expect(command.path.allSatisfy(shell.script.contains))
        for option in command.options { #expect(shell.script.contains(option.long), "\(shell): \(option.long)") }
      }
    }
  }

  @Test(arguments: [("zsh", "-n", ShellCompletion.zsh), ("fish", "--no-execute", .fish), ("bash", "-n", .bash)])
  func theShellParsesItsScript(program: String, flag: String, shell: ShellCompletion) throws {
    guard let result = try Self.run(program, [flag], input: shell.script) else {
      print("SKIPPED: \(program) is not installed, so its completion script was not parsed")
      return
    }
    #expect(result.status == 0 && result.output.isEmpty, "\(result.output)")
  }

  @Test func theManualPageIsComplete() throws {
    let page = ManualPage.text()
    for command in CommandTable.commands { #expect(page.contains(".SS freshet \(command.name.replacing("-", with: "\\-"))")) }
    #expect(!page.split(separator: "\n").contains { $0.hasPrefix("'") || $0.contains("—") })
    guard let result = try Self.run("groff", ["-man", "-ww", "-z", "-Kutf8"], input: page) else {
      print("SKIPPED: groff is not installed, so the manual page was not formatted")
      return
    }
    #expect(result.status == 0 && result.output.isEmpty, "\(result.output)")
  }
}

import Foundation
import StreamingRecommender
import Testing

@testable import RedisPublishing

/// The ids of schemas/examples/keys.tsv with the part of the key that each makes.
private struct KeyVector {
  let id: [UInt8]
  /// The id as the file shows it.
  let text: String
  let key: String

  /// Whether the part is a hash; an id of that form is always hashed itself.
  var isHashed: Bool { key.wholeMatch(of: /h\.[0-9a-f]{32}/) != nil }

  static let all: [KeyVector] = {
    guard let file = try? String(contentsOf: repository.appending(path: path), encoding: .utf8) else { return [] }
    return file.split(separator: "\n").dropFirst().compactMap { line in
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      guard fields.count == 3, let text = try? JSONDecoder().decode(String.self, from: Data(fields[0].utf8)) else { return nil }
      let digits = Array(fields[1])
      let id = stride(from: 0, to: digits.count - 1, by: 2).compactMap { UInt8(String(digits[$0...($0 + 1)]), radix: 16) }
      return KeyVector(id: id, text: text, key: fields[2])
    }
  }()

  static let path = "schemas/examples/keys.tsv"
}

private let repository = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardized

@Suite struct ReaderKeyTests {
  @Test func theVectorsAreTheKeysThatTheWriterMakes() throws {
    let lines = try String(contentsOf: repository.appending(path: KeyVector.path), encoding: .utf8).split(separator: "\n").count
    #expect(KeyVector.all.count == lines - 1 && lines > 60, "a line cannot be read")
    for vector in KeyVector.all {
      #expect(RedisKeys.identifier(Identifier(vector.id)) == vector.key, "\(vector.text.debugDescription)")
      #expect(vector.id == Array(vector.text.utf8), "\(vector.text.debugDescription)")
    }
    #expect(KeyVector.all.contains(where: \.isHashed) && KeyVector.all.contains { !$0.isHashed })
  }

  /// The functions of the documents themselves are run, so that they cannot drift from the writer.
  @Test(arguments: Language.allCases) func theFunctionOfTheDocumentMakesTheWritersKeys(language: Language) throws {
    let code = try language.function(in: String(contentsOf: repository.appending(path: "schemas/redis-keys.md"), encoding: .utf8))
    guard let made = try language.run(language.program(code)) else { return }
    #expect(made.count == KeyVector.all.count)
    for (key, vector) in zip(made, KeyVector.all) { #expect(key == vector.key, "\(language) \(vector.text.debugDescription)") }
  }

  @Test(arguments: Language.allCases) func theLineOfTheReadmeMakesTheKeysThatAreNotHashed(language: Language) throws {
    let line = try language.line(in: String(contentsOf: repository.appending(path: "README.md"), encoding: .utf8))
    guard let made = try language.run(language.program(language.function(returning: line))) else { return }
    #expect(made.count == KeyVector.all.count)
    for (key, vector) in zip(made, KeyVector.all) where !vector.isHashed {
      #expect(key == vector.key, "\(language) \(vector.text.debugDescription)")
    }
  }

  /// One MGET reads list and vector on a cluster only if both keys have the same slot there.
  @Test(.disabled(if: !serversAreThere, serverMissing)) func theKeysOfAUserShareASlotWhateverTheId() throws {
    let fixture = try Fixture(arguments: ["--cluster-enabled", "yes"])
    let connection = try fixture.control()
    let keys = RedisKeys(prefix: "freshet", namespace: "n{s}")
    for vector in KeyVector.all {
      let user = Identifier(vector.id)
      let slots = try [keys.userList(user), keys.userFactors(user)].map { try connection.command(["CLUSTER", "KEYSLOT", $0]) }
      #expect(slots[0] == slots[1], "\(vector.text.debugDescription)")
    }
  }
}

/// A language for which the documents say how a key is made.
enum Language: String, CaseIterable, CustomStringConvertible {
  case python, javascript, go, java, ruby

  struct Missing: Error { let what: String }

  var description: String { rawValue }

  private var heading: String {
    switch self {
    case .python: "Python"
    case .javascript: "JavaScript"
    case .go: "Go"
    case .java: "Java"
    case .ruby: "Ruby"
    }
  }

  private var tool: (name: String, arguments: String, file: String) {
    switch self {
    case .python: ("python3", "", "reader.py")
    case .javascript: ("node", "", "reader.mjs")
    case .go: ("go", "run", "reader.go")
    case .java: ("java", "", "Reader.java")
    case .ruby: ("ruby", "", "reader.rb")
    }
  }

  /// The block of code that defines the function.
  func function(in document: String) throws -> String {
    let blocks = document.components(separatedBy: "```\(self)\n").dropFirst().compactMap { $0.components(separatedBy: "\n```").first }
    guard let block = blocks.first(where: { $0.contains("{32}") }) else { throw Missing(what: "no block for \(heading)") }
    return block
  }

  /// The expression in the table of languages.
  func line(in document: String) throws -> String {
    let start = "| \(heading) | `"
    guard let row = document.split(separator: "\n").first(where: { $0.hasPrefix(start) }), row.hasSuffix("` |") else {
      throw Missing(what: "no row for \(heading)")
    }
    return String(row.dropFirst(start.count).dropLast(3)).replacing(#"\|"#, with: "|")
  }

  /// A function as the document defines it, but of one expression.
  func function(returning line: String) -> String {
    switch self {
    case .python: "import urllib.parse\ndef key_part(id): return \(line)"
    case .javascript: "const keyPart = id => \(line);"
    case .go: "import (\"net/url\"; \"strings\")\nfunc keyPart(id string) string { return \(line) }"
    case .java:
      """
      import java.net.URLEncoder;
      import static java.nio.charset.StandardCharsets.UTF_8;
      final class KeyPart { static String of(String id) { return \(line); } }
      """
    case .ruby: "def key_part(id) = \(line)"
    }
  }

  /// A program that prints the part of each id of the vectors, whose file is its argument.
  func program(_ code: String) -> String {
    switch self {
    case .python:
      code + """

        import sys
        for line in list(open(sys.argv[1], encoding="utf-8"))[1:]:
            print(key_part(bytes.fromhex(line.split("\\t")[1]).decode()))
        """
    case .javascript:
      code + """

        import { readFileSync } from "node:fs";
        for (const line of readFileSync(process.argv[2], "utf8").trimEnd().split("\\n").slice(1))
          console.log(keyPart(Buffer.from(line.split("\\t")[1], "hex").toString("utf8")));
        """
    case .go:
      "package main\nimport (\"bufio\"; \"encoding/hex\"; \"os\")\n" + code + """

        func main() {
        	file, _ := os.Open(os.Args[1])
        	lines := bufio.NewScanner(file)
        	lines.Scan()
        	for lines.Scan() {
        		id, _ := hex.DecodeString(strings.Split(lines.Text(), "\\t")[1])
        		os.Stdout.WriteString(keyPart(string(id)) + "\\n")
        	}
        }
        """
    case .java:
      // The class to run must be the first one.
      code.replacing(
        "final class KeyPart",
        with: """
          class Reader {
            public static void main(String[] arguments) throws Exception {
              var lines = java.nio.file.Files.readAllLines(java.nio.file.Path.of(arguments[0]));
              for (String line : lines.subList(1, lines.size())) {
                byte[] id = java.util.HexFormat.of().parseHex(line.split("\\t")[1]);
                System.out.println(KeyPart.of(new String(id, java.nio.charset.StandardCharsets.UTF_8)));
              }
            }
          }
          final class KeyPart
          """, maxReplacements: 1)
    case .ruby:
      code + """

        File.readlines(ARGV[0]).drop(1).each { |line| puts key_part([line.split("\\t")[1]].pack("H*").force_encoding("UTF-8")) }
        """
    }
  }

  /// What the program prints, by line; `nil` where the language is not installed.
  func run(_ program: String) throws -> [String]? {
    guard isInstalled else { return nil }
    let directory = FileManager.default.temporaryDirectory.appending(path: "fr-reader-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let file = directory.appending(path: tool.file)
    try program.write(to: file, atomically: true, encoding: .utf8)
    let vectors = repository.appending(path: KeyVector.path).path
    let command = "cd '\(directory.path)' && '\(tool.name)' \(tool.arguments) '\(file.path)' '\(vectors)' 2>'\(directory.path)/errors'"
    guard let pipe = popen(command, "r") else { throw Missing(what: "popen") }
    var output: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while case let count = fread(&buffer, 1, buffer.count, pipe), count > 0 { output += buffer[..<count] }
    let status = pclose(pipe)
    let errors = (try? String(contentsOf: directory.appending(path: "errors"), encoding: .utf8)) ?? ""
    #expect(status == 0, "\(self): \(errors.prefix(2000))")
    return String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  /// Says loudly what is skipped; the languages that `make setup` installs, and Node, are required where servers are.
  private var isInstalled: Bool {
    let environment = ProcessInfo.processInfo.environment
    let paths = (environment["PATH"] ?? "").split(separator: ":")
    if paths.contains(where: { FileManager.default.isExecutableFile(atPath: "\($0)/\(tool.name)") }) { return true }
    let isRequired = environment["FRESHET_REQUIRE_SERVERS"] == "1" && [.python, .javascript, .java].contains(self)
    FileHandle.standardError.write(Data("RedisPublishingTests: SKIPPED: \(tool.name) is not installed, \(heading) is not checked\n".utf8))
    if isRequired { Issue.record("\(tool.name) is not installed") }
    return false
  }
}

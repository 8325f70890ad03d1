import Foundation
import HTTPRequests
import StreamingRecommender
import Synchronization
import Telemetry
import WireFormats

/// Reads schemas from a registry with Confluent's REST interface.
///
/// If several addresses are given, the one that answered last is asked first.
public final class RegistryClient: SchemaFetching {
  private struct State {
    /// Made at the first request.
    var connection: HTTPConnection?
    var preferred = 0
  }

  /// What a request to one address gave.
  private enum Reply {
    case found(Schema)
    case unknown(String)
    /// This registry answers, and an answer of another one would be the same.
    case refused(String)
    case failed(String)
  }

  /// The answer to a request for a schema.
  private struct Schema: Decodable {
    struct Reference: Decodable {
      var name: String
      var subject: String
      var version: Int
    }
    var schema: String
    var schemaType: String?
    var references: [Reference]?
  }

  private struct ErrorBody: Decodable {
    var code: Int
    var message: String?
    enum CodingKeys: String, CodingKey {
      case message
      case code = "error_code"
    }
  }

  private let settings: RecommenderConfiguration.SchemaRegistry
  private let urls: [String]
  /// One request at a time.
  private let state = Mutex(Unshared(State()))
  private let counts = Mutex<[String: Int]>([:])
  static let referencesMax = 500
  static let answerBytesMax = 4 << 20

  /// A connection that is passed on with the lock that guards it.
  private struct Unshared: @unchecked Sendable {
    var value: State
    init(_ value: State) { self.value = value }
  }

  public init(_ settings: RecommenderConfiguration.SchemaRegistry) {
    precondition(!settings.urls.isEmpty, "there is no registry without schema_registry.url")
    self.settings = settings
    urls = settings.urls.map { url in String(url.reversed().drop { $0 == "/" }.reversed()) }
  }

  /// For messages.
  public var name: String { "the schema registry at \(urls.joined(separator: ", "))" }

  public var requests: [String: Int] { counts.withLock { $0 } }

  // MARK: Schemas

  public func fetch(_ schema: SchemaName) throws(SchemaFault) -> SchemaText {
    let path: String
    switch schema {
    case .id(let id): path = "/schemas/ids/\(id)"
    case .guid: path = "/schemas/guids/\(schema.guidText)"
    case .file: throw .refused("input.schema_file is not in a registry")
    }
    let found = try get(path, "\(schema)")
    guard let kind = SchemaText.Kind(rawValue: found.schemaType ?? SchemaText.Kind.avro.rawValue) else {
      throw .refused("\(schema) is of the type \(found.schemaType?.prefix(40) ?? ""); Avro, Protobuf and JSON Schema can be read")
    }
    // JSON needs no schema, so what its schema says does not matter.
    guard kind != .json else { return SchemaText(kind: kind, text: "") }
    var references: [SchemaText.Reference] = []
    var seen: Set<String> = []
    try collect(found.references ?? [], of: schema, &references, &seen, depth: 0)
    return SchemaText(kind: kind, text: found.schema, references: references)
  }

  /// Adds what the references need, then the references.
  private func collect(
    _ wanted: [Schema.Reference], of schema: SchemaName, _ references: inout [SchemaText.Reference], _ seen: inout Set<String>, depth: Int
  ) throws(SchemaFault) {
    for reference in wanted where seen.insert("\(reference.subject) \(reference.version)").inserted {
      guard seen.count <= Self.referencesMax, depth < 32 else { throw .refused("\(schema) has too many references") }
      let subject = PercentEscape.encode(reference.subject)
      let found = try get(
        "/subjects/\(subject)/versions/\(reference.version)?deleted=true",
        "version \(reference.version) of \(reference.subject.prefix(200)), to which \(schema) refers,")
      try collect(found.references ?? [], of: schema, &references, &seen, depth: depth + 1)
      references.append(.init(name: reference.name, text: found.schema))
    }
  }

  /// Asks one address after the other until one answers.
  private func get(_ path: String, _ what: String) throws(SchemaFault) -> Schema {
    let credentials = try self.credentials()
    let result: Result<Schema, SchemaFault> = state.withLock { state in
      var problems: [String] = []
      for attempt in urls.indices {
        let index = (state.value.preferred + attempt) % urls.count
        let reply = self.reply(connection(&state.value), urls[index], path, what, credentials)
        count(reply)
        switch reply {
        case .found(let schema):
          state.value.preferred = index
          return .success(schema)
        case .unknown(let why), .refused(let why): return .failure(.refused(why))
        case .failed(let why): problems.append("\(urls[index]): \(why)")
        }
      }
      return .failure(.unavailable(problems.joined(separator: "; ")))
    }
    return try result.get()
  }

  private func connection(_ state: inout State) -> HTTPConnection {
    if let known = state.connection { return known }
    let new = HTTPConnection(
      timeout: settings.timeout, caFile: settings.caFile, certificateFile: settings.certificateFile, keyFile: settings.keyFile)
    state.connection = new
    return new
  }

  private func count(_ reply: Reply) {
    let result =
      switch reply {
      case .found: "ok"
      case .unknown, .refused: "unknown"
      case .failed: "failed"
      }
    counts.withLock { $0[result, default: 0] += 1 }
  }

  private static func request(_ url: String, _ credentials: HTTPConnection.Credentials) -> HTTPConnection.Request {
    var request = HTTPConnection.Request(.get, url)
    request.headers = [.init("Accept", "application/vnd.schemaregistry.v1+json, application/json")]
    request.credentials = credentials
    request.answerBytesMax = answerBytesMax
    return request
  }

  // MARK: Answers

  private func reply(
    _ connection: HTTPConnection, _ url: String, _ path: String, _ what: String, _ credentials: HTTPConnection.Credentials
  ) -> Reply {
    let answer: HTTPConnection.Answer
    do throws(HTTPConnection.Fault) { answer = try connection.send(Self.request(url + path, credentials)) } catch {
      return error.kind == .answerTooLarge ? .refused("\(what) cannot be used: \(error.sentence)") : .failed(error.sentence)
    }
    switch answer.status {
    case 200:
      guard let schema = try? JSONDecoder().decode(Schema.self, from: Data(answer.body)) else {
        return .failed("the answer is no schema; is this the address of a schema registry?")
      }
      return .found(schema)
    case 404: return notFound(answer, path, what)
    default: return .failed(Self.complaint(answer))
    }
  }

  /// A registry says with a code of its own that it has no such schema; others that are asked by mistake do not.
  private func notFound(_ answer: HTTPConnection.Answer, _ path: String, _ what: String) -> Reply {
    let code = (try? JSONDecoder().decode(ErrorBody.self, from: Data(answer.body)))?.code
    if let code, 40_401...40_499 ~= code { return .unknown("the schema registry does not know \(what) (error \(code))") }
    // Older registries do not know GUIDs at all, and waiting for one would not end.
    if path.hasPrefix("/schemas/guids/"), code != nil {
      return .unknown("the schema registry does not know \(what); it may not know GUIDs")
    }
    return .failed("it answers 404, but not as a schema registry does; is the path of the address right?")
  }

  private static func complaint(_ answer: HTTPConnection.Answer) -> String {
    switch answer.status {
    case 401:
      "it asks for credentials, or refuses those that are set (401): check schema_registry.username, schema_registry.password_file or schema_registry.token_file"
    case 403: "these credentials may not read schemas (403): grant them the right to read, or set others"
    case 300..<400: "it answers \(answer.status), a redirection, which is not followed: set schema_registry.url to the address itself"
    default:
      "it answers \(answer.status)"
        + ((try? JSONDecoder().decode(ErrorBody.self, from: Data(answer.body)))?.message.map { ": \($0.prefix(200))" } ?? "")
    }
  }

  // MARK: Credentials

  /// Read at every request, so that a new password or token needs no restart.
  private func credentials() throws(SchemaFault) -> HTTPConnection.Credentials {
    if !settings.tokenFile.isEmpty { return .bearer(try secret("schema_registry.token_file", settings.tokenFile)) }
    guard !settings.username.isEmpty else { return .none }
    return .basic(username: settings.username, password: try secret("schema_registry.password_file", settings.passwordFile))
  }

  private func secret(_ key: String, _ path: String) throws(SchemaFault) -> String {
    do throws(SecretFile.Refusal) { return try SecretFile.read(path) } catch { throw .unavailable("\(key) = \(path): \(error)") }
  }

  /// Returns why the files that the settings name cannot be used, or `nil`.
  public var fileProblem: String? {
    do throws(SchemaFault) { _ = try credentials() } catch {
      if case .unavailable(let why) = error { return why }
    }
    for (key, path) in [
      ("schema_registry.ca_file", settings.caFile), ("schema_registry.cert_file", settings.certificateFile),
      ("schema_registry.key_file", settings.keyFile),
    ] where !path.isEmpty && !FileManager.default.isReadableFile(atPath: path) { return "\(key) = \(path): it cannot be read" }
    return nil
  }

  /// Asks every address for the types of schemas that it knows; returns what is wrong with each that does not answer as it should.
  public func check() -> [(url: String, problem: String?)] {
    let credentials: HTTPConnection.Credentials
    do throws(SchemaFault) { credentials = try self.credentials() } catch {
      guard case .unavailable(let why) = error else { return [] }
      return urls.map { ($0, why) }
    }
    return state.withLock { state in
      urls.map { url in
        do throws(HTTPConnection.Fault) {
          let answer = try connection(&state.value).send(Self.request(url + "/schemas/types", credentials))
          if answer.status == 200 { return (url, nil) }
          if answer.status == 404, (try? JSONDecoder().decode(ErrorBody.self, from: Data(answer.body))) != nil { return (url, nil) }
          return (url, answer.status == 404 ? "it answers 404: is the path of the address right?" : Self.complaint(answer))
        } catch { return (url, error.sentence) }
      }
    }
  }
}

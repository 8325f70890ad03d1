import Foundation
import HTTPServing
import RecommenderTestKit
import Synchronization
import Telemetry

/// A schema registry over HTTP that can misbehave.
public final class RegistryServer: Sendable {
  public enum Mood: Sendable, Equatable {
    case well
    case answers(status: Int, body: String)
    /// Answers nothing until the client has given up.
    case silent(Duration)
  }

  private struct State: Sendable {
    var mood = Mood.well
    var authorization: String?
    var requests: [String] = []
    /// Schemas that nobody has registered yet.
    var hidden: Set<UInt32> = []
  }

  private let server: HTTPServer
  private let state: SharedState
  /// Where clients reach it.
  public var url: String { "http://" + server.address }
  public var port: UInt16 { server.port }

  private final class SharedState: Sendable {
    let value = Mutex(State())
  }

  /// - Parameter port: 0 for any.
  public init(_ fixture: MessageFixture, port: UInt16 = 0) throws {
    let state = SharedState()
    self.state = state
    var router = Router()
    func add(_ pattern: String, _ find: @escaping @Sendable ([String: String]) -> JSONValue?) {
      router.add("GET", pattern) { request in Self.answer(request, state, find) }
    }
    @Sendable func isShown(_ schema: MessageFixture.Schema) -> Bool { state.value.withLock { !$0.hidden.contains(schema.id) } }
    add("/schemas/types") { _ in ["JSON", "PROTOBUF", "AVRO"] }
    add("/schemas/ids/{id}") { parameters in
      fixture.schemas.first { "\($0.id)" == parameters["id"] && isShown($0) }.map { Self.json($0) }
    }
    add("/schemas/guids/{guid}") { parameters in
      fixture.schemas.first { $0.guid == parameters["guid"] && isShown($0) }.map { Self.json($0) }
    }
    add("/subjects/{subject}/versions/{version}") { parameters in
      fixture.schemas.first { $0.subject == parameters["subject"] && "\($0.version)" == parameters["version"] }.map { Self.json($0) }
    }
    server = try HTTPServer(HTTPServerConfiguration(listen: "127.0.0.1:\(port)"), router: router)
  }

  public func stop() { server.stop() }

  public func set(_ mood: Mood) { state.value.withLock { $0.mood = mood } }
  /// What the header `Authorization` must be.
  public func demand(_ authorization: String?) { state.value.withLock { $0.authorization = authorization } }
  public func hide(_ ids: Set<UInt32>) { state.value.withLock { $0.hidden = ids } }
  /// The paths that were asked for.
  public var requests: [String] { state.value.withLock { $0.requests } }

  private static func json(_ schema: MessageFixture.Schema) -> JSONValue {
    var value: JSONValue = [
      "subject": .string(schema.subject), "version": .integer(schema.version), "id": .integer(Int(schema.id)), "guid": .string(schema.guid),
      "schema": .string(schema.schema),
      "references": .array(
        schema.references.map { ["name": .string($0.name), "subject": .string($0.subject), "version": .integer($0.version)] }),
    ]
    // Registries leave the type out where it is Avro.
    if schema.schemaType != "AVRO" { value["schemaType"] = .string(schema.schemaType) }
    return value
  }

  private static func answer(
    _ request: HTTPRequest, _ state: SharedState, _ find: @escaping @Sendable ([String: String]) -> JSONValue?
  ) -> HTTPAnswer {
    let (mood, authorization) = state.value.withLock { state in
      state.requests.append(request.path)
      return (state.mood, state.authorization)
    }
    switch mood {
    case .answers(let status, let body): return .now(.text(body, status: status, contentType: "application/json"))
    case .silent(let time):
      let until = MonotonicClock.nanoseconds() + time.nanoseconds
      let late = HTTPResponse.text("too late")
      return .later(LaterResponse(poll: { MonotonicClock.nanoseconds() < until ? nil : late }, instead: { late }))
    case .well: break
    }
    if let authorization, request.headers["authorization"] != authorization {
      return .now(.json(["error_code": 40101, "message": "Unauthorized"], status: 401))
    }
    if let found = find(request.parameters) { return .now(.json(found)) }
    return .now(.json(["error_code": 40403, "message": "Schema not found"], status: 404))
  }
}

import Dispatch
import HTTPServing
import ItemMetadata
import StreamingRecommender
import Telemetry

// The catalogue: documents go into the topic of items, and the engine mirrors them in Redis.
extension GatewayService {
  static let itemsAtOnceMax = 1_000
  static let waitMaxMilliseconds = 10_000

  func getItem(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    let id = request.parameters["id"] ?? ""
    let stored = try reading { try mirror.item(Identifier(id)) }
    guard let stored else { throw Self.noItem(id) }
    return .now(.cached(for: request, stored.tag) { stored.response })
  }

  private static func noItem(_ id: String) -> Problem {
    Problem(.notFound, "there is no document of the item \(id.prefix(100))", fix: "PUT /v1/items/{id} writes one")
  }

  func putItem(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    let id = request.parameters["id"] ?? ""
    try Self.checkID(id)
    var object = JSONValue.object(try Self.members(of: request.body))
    switch object["item_id"] {
    case nil: object["item_id"] = .string(id)
    case .string(id)?: break
    case .integer(let number)? where String(number) == id: break
    default: throw Problem(.body, "item_id in the body is not the item of the path", fix: "leave it out, or name \(id.prefix(100))")
    }
    let document = try Self.document { () throws(DocumentFault) in try ItemDocument(object.bytes) }
    let before = try reading { try mirror.item(Identifier(id)) }
    if let header = request.headers["if-match"] { try Self.check(header, before, id) }
    return try write(document, id, before, request)
  }

  func patchItem(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    let id = request.parameters["id"] ?? ""
    guard let header = request.headers["if-match"] else {
      throw Problem(
        .preconditionRequired, "a patch needs the version that it changes", fix: "GET the item and send its ETag as If-Match; * for any")
    }
    guard let before = try reading({ try mirror.item(Identifier(id)) }) else { throw Self.noItem(id) }
    try Self.check(header, before, id)
    let document = try Self.document { () throws(DocumentFault) in try before.merging(patch: request.body) }
    return try write(document, id, before, request)
  }

  func deleteItem(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    let id = request.parameters["id"] ?? ""
    try Self.checkID(id)
    let before = try reading { try mirror.item(Identifier(id)) }
    if let header = request.headers["if-match"] { try Self.check(header, before, id) }
    return try write(nil, id, before, request)
  }

  func postItems(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    let sink = try sink(items, "items", "items.topic")
    let pieces = EventBatch.lines(request.body)
    guard !pieces.isEmpty, pieces.count <= Self.itemsAtOnceMax else {
      throw Problem(
        .body, "the body has \(pieces.count) documents", fix: "send 1 to \(Self.itemsAtOnceMax) documents, one on each line")
    }
    var records: [OutgoingRecord] = []
    var faults: [JSONValue] = []
    for (index, piece) in pieces.enumerated() {
      do throws(DocumentFault) {
        let document = try ItemDocument(Array(request.body[piece]))
        records.append(OutgoingRecord(key: Array(document.itemID.utf8), value: document.bytes))
      } catch {
        faults.append(["index": .integer(index), "reason": .string(error.reason.rawValue), "message": .string(error.message)])
      }
    }
    guard faults.isEmpty else {
      throw Problem(
        .body, "\(faults.count) of \(pieces.count) documents cannot be accepted, and none was", fix: "correct them and send all again",
        members: [.init("rejected", .integer(faults.count)), .init("errors", .array(Array(faults.prefix(100))))])
    }
    let (audit, caller, count) = (audit, request.caller, records.count)
    return .pushed { [records] complete in
      sink.send(records) { outcome in
        if outcome == .delivered { audit.record(caller, "items.post", after: ["count": .integer(count)]) }
        complete(Self.response(outcome, "the documents", .json(["accepted": .integer(count)] as JSONValue, status: 202)))
      }
    }
  }

  // MARK: Writing

  /// - Parameter document: `nil` deletes the item.
  private func write(_ document: ItemDocument?, _ id: String, _ before: ItemDocument?, _ request: HTTPRequest) throws(Problem) -> HTTPAnswer
  {
    let sink = try sink(items, "items", "items.topic")
    let item = Identifier(id)
    let wait = try Self.wait(request)
    let isConditional = request.headers["if-match"].map { $0 != "*" } ?? false
    guard mirror.begin(item, before: before, now: WallClock.milliseconds()) || !isConditional else {
      throw Self.changed(id, "another change of this version is on its way")
    }
    let (audit, caller, mirror) = (audit, request.caller, mirror)
    return .pushed { complete in
      sink.send([OutgoingRecord(key: item.bytes, value: document?.bytes)]) { outcome in
        guard outcome == .delivered else {
          mirror.abandon(item)
          return complete(Self.response(outcome, "the document", .empty()))
        }
        audit.record(
          caller, "item.\(document == nil ? "delete" : request.method.lowercased()) \(id)", before: before?.json ?? .null,
          after: document?.json ?? .null)
        let accepted = HTTPResponse.json(["item_id": .string(id), "mirrored": false] as JSONValue, status: 202)
        guard let wait else { return complete(accepted) }
        mirror.wait(item, for: document, deadline: .now() + .milliseconds(wait)) { isMirrored in
          complete(isMirrored ? document?.response ?? .empty(204) : accepted)
        }
      }
    }
  }

  private static func document(_ body: () throws(DocumentFault) -> ItemDocument) throws(Problem) -> ItemDocument {
    do throws(DocumentFault) { return try body() } catch {
      throw Problem(
        .body, error.message, fix: "see schemas/item-v1.schema.json",
        members: [.init("reason", .string(error.reason.rawValue))] + (error.field.map { [.init("field", .string($0))] } ?? []))
    }
  }

  private static func check(_ header: String, _ stored: ItemDocument?, _ id: String) throws(Problem) {
    guard let stored else {
      throw Problem(.preconditionFailed, "there is no document of the item \(id.prefix(100))", fix: "send it without If-Match")
    }
    guard stored.tag.matches(ifMatch: header) else { throw changed(id, "its ETag is \(stored.tag)") }
  }

  private static func changed(_ id: String, _ how: String) -> Problem {
    Problem(
      .preconditionFailed, "the item \(id.prefix(100)) was changed in the meantime: \(how)", fix: "GET it again and repeat the change")
  }

  /// Milliseconds of `?wait=1s`.
  private static func wait(_ request: HTTPRequest) throws(Problem) -> Int? {
    guard let text = request.query["wait"] else { return nil }
    let units = [("ms", 1), ("s", 1_000)]
    for (unit, scale) in units where text.hasSuffix(unit) {
      guard let count = Int(text.dropLast(unit.count)), count >= 0, count <= waitMaxMilliseconds / scale else { continue }
      return count * scale
    }
    throw Problem(
      .parameter, "wait is no time up to 10s: \"\(text.prefix(20))\"", fix: "write it as 500ms or 2s",
      members: [.init("parameter", "wait")])
  }
}

extension ItemDocument {
  /// The same for equal documents.
  var tag: EntityTag { EntityTag(String(contentHash, radix: 16)) }

  var response: HTTPResponse {
    var response = HTTPResponse.json(bytes)
    response.entityTag = tag
    return response
  }
}

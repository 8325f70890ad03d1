import HTTPServing
import StreamingRecommender
import Telemetry

// What goes into the topic of events.
extension GatewayService {
  private static let faultsShown = 100

  func postEvents(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    let sink = try sink(events, "events", "gateway.writes")
    let isLines = request.headers["content-type"].map { $0.lowercased().hasPrefix(Self.linesType) } ?? false
    let pieces = try EventBatch.split(request.body, isLines: isLines)
    let batch = EventBatch(pieces, of: request.body, decoder, nowMilliseconds: WallClock.milliseconds())
    let isPartial = ["1", "true"].contains(request.query["partial"])
    metrics.events(batch.faults.count, "rejected")
    if !batch.faults.isEmpty, !isPartial || batch.records.isEmpty && batch.ignored == 0 { throw Self.refusal(batch, isPartial: isPartial) }
    let metrics = metrics
    var members: [JSONValue.Member] = [.init("accepted", .integer(batch.records.count)), .init("ignored", .integer(batch.ignored))]
    if !batch.faults.isEmpty { members += Self.members(of: batch) }
    let accepted = HTTPResponse.json(.object(members), status: 202)
    guard !batch.records.isEmpty else { return .now(accepted) }
    return .pushed { complete in
      sink.send(batch.records) { outcome in
        metrics.events(batch.records.count, outcome == .delivered ? "accepted" : "failed")
        complete(Self.response(outcome, "events", accepted))
      }
    }
  }

  static let linesType = "application/x-ndjson"

  private static func members(of batch: EventBatch) -> [JSONValue.Member] {
    let shown = batch.faults.prefix(faultsShown).map { fault -> JSONValue in
      ["index": .integer(fault.index), "reason": .string(fault.reason), "message": .string(fault.message)]
    }
    return [.init("rejected", .integer(batch.faults.count)), .init("errors", .array(shown))]
  }

  static func refusal(_ batch: EventBatch, isPartial: Bool) -> Problem {
    let total = batch.faults.count + batch.records.count + batch.ignored
    let first = batch.faults[0]
    return Problem(
      .events, "\(batch.faults.count) of \(total) events cannot be accepted, and none was; number \(first.index): \(first.message)",
      fix: isPartial ? "correct the events" : "correct them and send all again, or accept the good ones alone with ?partial=1",
      members: members(of: batch))
  }

  func deleteUser(_ request: HTTPRequest) throws(Problem) -> HTTPAnswer {
    let sink = try sink(events, "events", "gateway.writes")
    let user = request.parameters["id"] ?? ""
    try Self.checkID(user)
    let (audit, caller) = (audit, request.caller)
    return .pushed { complete in
      sink.send([OutgoingRecord(key: Array(user.utf8), value: nil)]) { outcome in
        if outcome == .delivered { audit.record(caller, "user.forget \(user)") }
        complete(Self.response(outcome, "the tombstone", .json(["forgotten": .string(user)] as JSONValue, status: 202)))
      }
    }
  }

  // MARK: Sinks

  func sink(_ sink: (any RecordSink)?, _ what: String, _ key: String) throws(Problem) -> any RecordSink {
    if let sink { return sink }
    throw Problem(.notConfigured, "this gateway takes no \(what)", fix: "set \(key) in its configuration, or ask another gateway")
  }

  static func checkID(_ id: String) throws(Problem) {
    guard !id.isEmpty, id.utf8.count <= 256, !id.utf8.contains(0) else {
      throw Problem(.parameter, "an id has 1 to 256 bytes", fix: "shorten it", members: [.init("parameter", "id")])
    }
  }

  /// What the client hears of a delivery.
  static func response(_ outcome: RecordDelivery, _ what: String, _ delivered: HTTPResponse) -> HTTPResponse {
    let retry = [HTTPResponse.Header("Retry-After", "1")]
    switch outcome {
    case .delivered: return delivered
    case .refused(let reason):
      return Problem(
        .unavailable, "\(what) could not be sent, and nothing was written: \(reason)", fix: "send them again in a second", headers: retry
      ).response
    case .uncertain(let reason):
      return Problem(
        .unavailable, "Kafka has not acknowledged \(what): \(reason); some may have been written",
        fix: "send them again; with an event_id in each, none is counted twice", headers: retry
      ).response
    }
  }
}

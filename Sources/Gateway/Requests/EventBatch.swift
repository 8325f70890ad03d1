import HTTPServing
import StreamingRecommender
import Telemetry

/// The events of one request after the decoder of the engine has looked at each of them.
struct EventBatch {
  struct Fault: Sendable, Equatable {
    /// From 0, in the order of the request.
    var index: Int
    /// The reason that the engine's metrics and dead letters would have.
    var reason: String
    var message: String
  }

  static let eventsMax = 10_000
  private(set) var records: [OutgoingRecord] = []
  /// Valid events that the engine will not apply, such as those of a type without a weight.
  private(set) var ignored = 0
  private(set) var faults: [Fault] = []
  /// The users of all events.
  private(set) var users: Set<[UInt8]> = []
  /// Whether an event merges two users.
  private(set) var joinsUsers = false

  init(_ pieces: [Range<Int>], of body: [UInt8], _ decoder: InteractionDecoder, nowMilliseconds: Int64) {
    for (index, piece) in pieces.enumerated() {
      let value = Array(body[piece])
      // Without a key, as the user must stand in the event.
      let record = Record(offset: 0, timestampMilliseconds: nowMilliseconds, key: nil, value: value)
      switch decoder.decode(record, fallbackMilliseconds: nowMilliseconds) {
      case .interaction(let interaction, _, _): add(interaction.user, value)
      case .interactions(let events, _):
        // The key decides the partition; events of one record belong together.
        if let first = events.first { add(first.interaction.user, value) } else { ignored += 1 }
        for event in events { users.insert(event.interaction.user) }
      case .merge(let user, _, _):
        add(user, value)
        joinsUsers = true
      case .ignored: ignored += 1
      case .failure(let failure): faults.append(Fault(index: index, reason: failure.reason.rawValue, message: failure.message))
      case .forget, .waiting:
        faults.append(Fault(index: index, reason: "bad_event", message: "this is no event; DELETE /v1/users/{id} forgets a user"))
      }
    }
  }

  private mutating func add(_ user: [UInt8], _ value: [UInt8]) {
    records.append(OutgoingRecord(key: user, value: value))
    users.insert(user)
  }

  // MARK: Splitting

  /// Where the events are in a body: one object, a list of objects, or an object on each line.
  static func split(_ body: [UInt8], isLines: Bool) throws(Problem) -> [Range<Int>] {
    let pieces: [Range<Int>]
    let start = body.firstIndex { !isSpace($0) } ?? body.count
    if isLines {
      pieces = lines(body)
    } else if start < body.count, body[start] == UInt8(ascii: "[") {
      pieces = try elements(body, from: start)
    } else {
      pieces = start < body.count ? [start..<(1 + (body.lastIndex { !isSpace($0) } ?? start))] : []
    }
    guard !pieces.isEmpty else {
      throw Problem(.body, "there is no event in the body", fix: "send one event, a list of events, or one event on each line", position: 0)
    }
    guard pieces.count <= eventsMax else {
      throw Problem(.body, "\(pieces.count) events in one request; at most \(eventsMax) are accepted", fix: "send several requests")
    }
    return pieces
  }

  static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }

  static func lines(_ body: [UInt8]) -> [Range<Int>] {
    var pieces: [Range<Int>] = []
    var start = 0
    while start < body.count {
      let end = body[start...].firstIndex(of: 0x0A) ?? body.count
      if let first = body[start..<end].firstIndex(where: { !isSpace($0) }), let last = body[start..<end].lastIndex(where: { !isSpace($0) })
      {
        pieces.append(first..<(last + 1))
      }
      start = end + 1
    }
    return pieces
  }

  /// The elements of a list, found by its brackets and strings alone; what is in them is for the decoder.
  private static func elements(_ body: [UInt8], from start: Int) throws(Problem) -> [Range<Int>] {
    func fault(_ message: String, _ at: Int) -> Problem {
      Problem(.body, "the list of events is no JSON: \(message)", fix: "send [{...}, {...}]", position: at)
    }
    var pieces: [Range<Int>] = []
    var depth = 0
    var begin: Int?
    var isText = false
    var at = start
    while at < body.count {
      let byte = body[at]
      if isText {
        if byte == UInt8(ascii: "\\") { at += 1 } else if byte == UInt8(ascii: "\"") { isText = false }
        at += 1
        continue
      }
      switch byte {
      case UInt8(ascii: "\""):
        isText = true
        begin = begin ?? at
      case UInt8(ascii: "["), UInt8(ascii: "{"):
        depth += 1
        if depth > 1 { begin = begin ?? at }
      case UInt8(ascii: "]") where depth == 1, UInt8(ascii: ",") where depth == 1:
        guard let first = begin else {
          guard byte == UInt8(ascii: "]"), pieces.isEmpty else { throw fault("an event is missing", at) }
          break
        }
        var end = at
        while isSpace(body[end - 1]) { end -= 1 }
        pieces.append(first..<end)
        begin = nil
        guard byte == UInt8(ascii: "]") else { break }
        depth = 0
      case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
      default: if depth >= 1, !isSpace(byte) { begin = begin ?? at }
      }
      at += 1
      if depth == 0 { break }
    }
    guard depth == 0, !isText else { throw fault("it does not end", body.count) }
    guard body[at...].allSatisfy(isSpace) else { throw fault("nothing may follow its end", at) }
    return pieces
  }
}

/// A decoded event: what a user did with an item.
public struct Interaction: Equatable, Sendable {
  public enum Operation: UInt8, Sendable, CaseIterable {
    /// Adds to the pair's strength.
    case add
    /// Replaces the pair's strength.
    case set
    /// Deletes the pair.
    case delete
    /// Counts once: of the pair's strength and that of the event the stronger one remains.
    case once
  }

  public var user: [UInt8]
  public var item: [UInt8]
  /// f(`event_value`) x weight of the event type. It is finite; a negative value is a dislike.
  public var strength: Float
  /// The time of the event in milliseconds since 1970, after clamping.
  public var timeMilliseconds: Int64
  public var operation: Operation
  /// Identifies repeated events for deduplication.
  public var eventID: [UInt8]?
  /// A hash of the event's type if the event has a time of its own, by which an exact repeat without an `event_id` is recognized; `nil`
  /// for events without one and while deduplication is off.
  public var typeHash: UInt32?
  /// The event's type; `nil` for events without one, and unless the decoder keeps types.
  public var type: [UInt8]?
  /// Whether the event makes the item one that the user has seen.
  public var countsAsSeen: Bool
  /// What the user was shown, if the event says so; `nil` for others.
  public var answer: ShownAnswer?

  public init(
    user: [UInt8], item: [UInt8], strength: Float = 1, timeMilliseconds: Int64, operation: Operation = .add, eventID: [UInt8]? = nil,
    typeHash: UInt32? = nil, countsAsSeen: Bool = true
  ) {
    self.user = user
    self.item = item
    self.strength = strength
    self.timeMilliseconds = timeMilliseconds
    self.operation = operation
    self.eventID = eventID
    self.typeHash = typeHash
    self.countsAsSeen = countsAsSeen
  }

  /// Of two strengths the one farther from 0; of opposite ones the positive one (`once`).
  public static func stronger(_ a: Float, _ b: Float) -> Float {
    a.magnitude == b.magnitude ? max(a, b) : a.magnitude > b.magnitude ? a : b
  }
}

/// Why a record is rejected. The raw value is the label `reason` of the metric and of the dead letter.
public enum RejectionReason: String, Sendable, CaseIterable {
  case empty
  case noKey = "no_key"
  case badUTF8 = "bad_utf8"
  case badJSON = "bad_json"
  case notObject = "not_object"
  case duplicateField = "duplicate_field"
  case tooLarge = "too_large"
  case tooDeep = "too_deep"
  case missingUserID = "missing_user_id"
  case missingItemID = "missing_item_id"
  case badID = "bad_id"
  case idTooLong = "id_too_long"
  case badEventType = "bad_event_type"
  case badValue = "bad_value"
  case badTimestamp = "bad_timestamp"
  case badFrame = "bad_frame"
  case unknownSchema = "unknown_schema"
}

/// Why a valid record changes nothing.
public enum IgnoreReason: String, Sendable, CaseIterable {
  /// It repeats one of the newest events of its partition (`input.dedupe_window`).
  case duplicate
  case alreadyApplied = "already_applied"
  case unknownType = "unknown_type"
  case stale
  /// Its kind is no interaction, by `input.ignore`, `input.types`, `input.ops` or the preset.
  case ignoreRule = "ignore_rule"
}

public struct DecodingFailure: Error, Equatable, Sendable {
  public var reason: RejectionReason
  /// One sentence of explanation for the dead letter.
  public var message: String
  public init(_ reason: RejectionReason, _ message: String) {
    self.reason = reason
    self.message = message
  }
}

/// What was changed in an event to make it usable: fields that were clamped to their range, and a time that could not be read.
public struct ClampedFields: OptionSet, Sendable, Hashable {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }
  public static let value = ClampedFields(rawValue: 1)
  public static let timestamp = ClampedFields(rawValue: 2)
  /// The event has the time of its record instead.
  public static let unreadableTimestamp = ClampedFields(rawValue: 4)
}

/// One event of a record.
public struct DecodedEvent: Equatable, Sendable {
  public var interaction: Interaction
  public var clamped: ClampedFields
  public var keyMismatch: Bool
  public init(interaction: Interaction, clamped: ClampedFields = [], keyMismatch: Bool = false) {
    self.interaction = interaction
    self.clamped = clamped
    self.keyMismatch = keyMismatch
  }
}

public enum DecodedRecord: Equatable, Sendable {
  case interaction(Interaction, clamped: ClampedFields, keyMismatch: Bool)
  /// A record with a list of events, in their order. They are applied as one unit: a record with a bad one is a failure.
  case interactions([DecodedEvent], ignored: [IgnoreReason: Int])
  /// A tombstone: the user is to be deleted. `rawKey` is the key as it is, where the user was read from JSON in it.
  case forget(user: [UInt8], form: KeyForm = .text, rawKey: [UInt8]? = nil)
  /// Two ids are one person: the history of `user` becomes part of that of `into`, and so do later events of `user`.
  case merge(user: [UInt8], into: [UInt8], keyMismatch: Bool)
  case ignored(IgnoreReason)
  case failure(DecodingFailure)
  /// The schema of the record is not there yet; the record is to be decoded again later.
  case waiting(SchemaName)

  /// The events of the record; empty for tombstones and for what is ignored or rejected.
  public var events: [DecodedEvent] {
    switch self {
    case .interaction(let interaction, let clamped, let keyMismatch):
      [DecodedEvent(interaction: interaction, clamped: clamped, keyMismatch: keyMismatch)]
    case .interactions(let events, _): events
    case .forget, .merge, .ignored, .failure, .waiting: []
    }
  }
}

/// The rows of one source system: where each field stands in its records.
///
/// A row gives a field's candidates, most telling first. The `?` before a candidate says that another one beside it is no repetition of
/// the field; it matters only where repetitions are refused.
struct InputPreset {
  typealias Row = (field: EventField, candidates: [String])

  var rows: [Row]
  /// Each path is looked for under each of these, the first of which wins.
  var prefixes = [""]
  /// Paths that stand outside the prefixes, looked for after them.
  var outerRows: [Row] = []
  var ignore: [String] = []
  var types: [String: String] = [:]
  /// Whether a value of 0 means that there is none.
  var isZeroNoValue = false
  /// Whether a field that is given twice, under different names, is refused.
  var isExclusive = false
  /// Whether tombstones follow deletions that were sent as events before.
  var hasTombstonesOfRows = false
}

extension InputPreset {
  init(_ input: RecommenderConfiguration.Input) {
    switch input.preset {
    case .freshet: self = Self.freshet(input.aliases)
    case .personalize: self = Self.personalize
    case .google: self = Self.google
    case .gorse: self = Self.gorse
    case .predictionio: self = Self.predictionIO
    case .segment: self = Self.segment
    case .debezium: self = Self.debezium
    case .spark: self = Self.spark
    }
  }

  // MARK: Events of version 1 and their aliases

  static func freshet(_ families: [RecommenderConfiguration.Input.AliasFamily]) -> InputPreset {
    InputPreset(rows: canonical + families.flatMap(aliases), isExclusive: true)
  }

  static let canonical: [Row] = [
    (.user, ["user_id"]), (.item, ["item_id"]), (.eventType, ["event_type"]), (.eventValue, ["event_value"]),
    (.timestamp, ["timestamp", "?timestamp_ms"]),
    (.eventID, ["event_id"]), (.operation, ["op", "?__op"]), (.deleted, ["__deleted"]), (.into, ["into"]),
    (.sessionID, ["session_id"]),
    (.recommendationID, ["recommendation_id"]), (.impression, ["impression"]),
  ]

  /// The names that another system gives to the fields.
  static func aliases(_ family: RecommenderConfiguration.Input.AliasFamily) -> [Row] {
    switch family {
    case .personalize:
      [
        (.user, ["user_id", "userId"]), (.item, ["item_id", "itemId", "eventList[].itemId", "?eventList[].properties:json.itemId"]),
        (.eventType, ["event_type", "eventType", "eventList[].eventType"]),
        (.eventValue, ["event_value", "eventValue", "eventList[].eventValue", "?eventList[].properties:json.eventValue"]),
        (.timestamp, ["timestamp", "sentAt", "eventList[].sentAt"]), (.eventID, ["event_id", "eventId", "eventList[].eventId"]),
        (.sessionID, ["session_id", "sessionId"]), (.recommendationID, ["recommendation_id", "recommendationId"]),
        (.impression, ["impression"]),
      ]
    case .google:
      [
        (.user, ["visitorId", "?userInfo.userId"]), (.item, ["productDetails[].product.id"]), (.eventType, ["eventType"]),
        (.eventValue, ["quantity", "productDetails[].quantity"]), (.timestamp, ["eventTime"]), (.sessionID, ["sessionId"]),
        (.recommendationID, ["attributionToken"]),
      ]
    case .gorse:
      [
        (.user, ["userId"]), (.item, ["itemId"]), (.eventType, ["feedbackType"]), (.eventValue, ["value"]), (.timestamp, ["timestamp"]),
      ]
    case .spark: [(.user, ["user"]), (.item, ["item"]), (.eventValue, ["rating"])]
    }
  }

  // MARK: Source systems

  private static let personalize = InputPreset(rows: [
    (.user, ["userId"]),
    (.item, ["eventList[].itemId", "eventList[].properties:json.itemId", "itemId", "properties:json.itemId"]),
    (.eventType, ["eventList[].eventType", "eventType"]),
    (
      .eventValue,
      ["eventList[].eventValue", "eventList[].properties:json.eventValue", "eventValue", "properties:json.eventValue"]
    ),
    (.timestamp, ["eventList[].sentAt", "sentAt", "timestamp"]), (.eventID, ["eventList[].eventId", "eventId"]),
  ])

  private static let google = InputPreset(
    rows: [
      (.user, ["visitorId", "userPseudoId", "userInfo.userId"]), (.item, ["productDetails[].product.id", "documents[].id"]),
      (.eventType, ["eventType"]), (.eventValue, ["productDetails[].quantity", "documents[].quantity"]), (.timestamp, ["eventTime"]),
      (.eventID, ["eventId"]),
    ],
    types: Dictionary(
      uniqueKeysWithValues: [
        "search", "view-item-list", "home-page-view", "view-home-page", "category-page-view", "view-category-page",
        "shopping-cart-page-view",
        "remove-from-cart",
      ].map { ($0, "ignore") }))

  private static let gorse = InputPreset(
    rows: [
      (.user, ["UserId"]), (.item, ["ItemId"]), (.eventType, ["FeedbackType"]), (.eventValue, ["Value"]), (.timestamp, ["Timestamp"]),
    ], prefixes: ["", "[]"], isZeroNoValue: true)

  private static let predictionIO = InputPreset(
    rows: [
      (.user, ["entityId"]), (.item, ["targetEntityId"]), (.eventType, ["event"]), (.eventValue, ["properties.rating"]),
      (.timestamp, ["eventTime", "creationTime"]), (.eventID, ["eventId"]),
    ],
    ignore: ["event = $set|$unset|$delete", "entityType != user", "targetEntityType != item"])

  private static let segment = InputPreset(
    rows: [
      (.user, ["userId", "anonymousId"]),
      (
        .item,
        ["properties.products[].product_id", "properties.products[].sku", "properties.product_id", "properties.sku"]
      ), (.eventType, ["event"]), (.eventValue, ["properties.products[].quantity", "properties.quantity", "properties.rating"]),
      (.timestamp, ["timestamp", "originalTimestamp", "receivedAt"]), (.eventID, ["messageId"]),
    ],
    ignore: ["type != track"],
    types: [
      "Product List Viewed": "ignore", "Product List Filtered": "ignore", "Products Searched": "ignore", "Cart Viewed": "ignore",
      "Product Removed": "ignore", "Product Removed from Wishlist": "ignore", "Promotion Viewed": "ignore", "Order Updated": "ignore",
      "Order Cancelled": "delete", "Order Refunded": "delete",
    ])

  /// Rows of a table, bare or in the envelope, with or without the schema of the JSON converter.
  static let debezium = InputPreset(
    rows: [
      (.user, ["user_id", "user", "customer_id", "visitor_id", "uid"]),
      (.item, ["item_id", "item", "product_id", "movie_id", "article_id", "sku"]), (.eventType, ["event_type", "type"]),
      (.eventValue, ["event_value", "rating", "quantity", "value"]),
      (.timestamp, ["timestamp", "event_time", "created_at", "time", "ts"]), (.eventID, ["event_id"]), (.deleted, ["__deleted"]),
    ],
    prefixes: ["payload.after", "payload.before", "after:json", "before:json", "payload", ""],
    outerRows: [
      (.operation, ["payload.op", "payload.__op", "__op", "op"]),
      (
        .timestamp,
        ["payload.source.ts_ms", "source.ts_ms", "payload.__source_ts_ms", "__source_ts_ms", "payload.ts_ms", "ts_ms", "__ts_ms"]
      ),
    ],
    hasTombstonesOfRows: true)

  private static let spark = InputPreset(rows: [
    (.user, ["user", "userId"]), (.item, ["item", "itemId", "movieId"]), (.eventValue, ["rating"]), (.timestamp, ["timestamp"]),
    (.eventType, ["event_type"]), (.eventID, ["event_id"]), (.operation, ["op"]), (.into, ["into"]),
  ])
}

import HTTPServing
import ItemMetadata
import ServingFormats
import Telemetry

/// The schemas that routes refer to by name.
enum GatewaySchemas {
  static let list = JSONSchema.component("List")
  static let item = JSONSchema.component("Item")

  static let components: [RouteTable.Component] = [
    .init(
      "ListItem",
      .object([
        .init("item", .string()), .init("score", .number().orNull.described("Scores of parts with different sources are not comparable.")),
        .init("source", .oneOf(ItemSource.allCases.map(\.rawValue)).described("Why the item is in the list.")),
        .init("list", .string().described("Of an item with the source imported: the name of the imported list."), required: false),
        .init("rank", .integer(1...Int.max).described("From 1, over all pages.")),
        .init("rules", .array(.string()).described("The rules that touched the item."), required: false),
        .init("fields", .object([]).described("The fields that were asked for and that the document has."), required: false),
        .init(
          "explain",
          .object([.init("vector", .number()), .init("trend", .number()), .init("transitions", .number())])
            .described("The parts of the score."), required: false),
      ])),
    .init(
      "List",
      .object([
        .init("user", .string(), required: false),
        .init("experiment", .string().described("The experiment that the request takes part in."), required: false),
        .init("arm", .string().described("The user's arm in it."), required: false),
        .init("window", .oneOf(TrendingWindow.allCases.map(\.rawValue)).described("Of a list of what trends."), required: false),
        .init("source", .oneOf(ItemSource.allCases.map(\.rawValue) + ["none"]).described("That of the first item; none if it is empty.")),
        .init("epoch", .integer(0...Int(UInt32.max)).orNull.described("The model that the list is of.")),
        .init("age_ms", .integer(0...Int.max).orNull.described("The time since the newest event that the list knows was applied.")),
        .init("recommendation_id", .string().described("Send it with the events that follow from the list."), required: false),
        .init("items", .array(.component("ListItem"))),
        .init(
          "degraded", .oneOf(ListAnswer.Degradation.allCases.map(\.rawValue)).described("Why the list is not quite what was asked for."),
          required: false),
        .init(
          "notes", .array(.string()).described("With `explain`: what else was decided, such as pins that could not be placed."),
          required: false),
        .init("approximate", .boolean.described("The vector is the user's with the context on top."), required: false),
      ])),
    .init("Results", .object([.init("results", .array(list))])),
    .init(
      "Item",
      .object([
        .init("item_id", .string(1...256), required: false), .init("title", .string(), required: false),
        .init("categories", .array(.string()), required: false), .init("tags", .array(.string()), required: false),
        .init("hidden", .boolean, required: false), .init("available_from", .any, required: false),
        .init("available_until", .any, required: false), .init("properties", .object([]), required: false),
      ]).described("A document of an item; schemas/item-v1.schema.json says more.")),
    .init(
      "Delivery",
      .object([
        .init("accepted", .integer(0...Int.max)), .init("ignored", .integer(0...Int.max), required: false),
        .init("rejected", .integer(0...Int.max), required: false), .init("errors", .array(.component("Fault")), required: false),
      ])),
    .init(
      "Rule",
      .object([
        .init("id", .string(1...64), required: false), .init("kind", .oneOf(MerchandisingRule.Kind.allCases.map(\.rawValue))),
        .init("target", .object([]), required: false), .init("position", .integer(1...MerchandisingRule.positionMax), required: false),
        .init("strength", .number(-MerchandisingRule.strengthMax...MerchandisingRule.strengthMax), required: false),
        .init("exploration", .object([.init("share", .number(0...0.5)), .init("max_events", .number())]), required: false),
        .init("from", .any, required: false), .init("until", .any, required: false),
        .init("share", .number(0...100), required: false), .init("placement", .string(), required: false),
        .init("priority", .integer(-1000...1000), required: false), .init("enabled", .boolean, required: false),
      ]).described("A rule; schemas/rule-v1.schema.json says more.")),
    .init(
      "SimilarUsers",
      .object([
        .init("user", .string()), .init("epoch", .integer().orNull),
        .init("users", .array(.object([.init("user", .string()), .init("score", .number())]))),
      ])),
    .init(
      "Experiment",
      .object([
        .init("name", .string(1...64), required: false),
        .init(
          "arms",
          .array(
            .object([
              .init("name", .string(1...64)), .init("share", .number(0...100)), .init("namespace", .string(1...64), required: false),
              .init(
                "parameters",
                .object([
                  .init("diversity", .number(0...1), required: false), .init("max_per_category", .integer(1...1_000), required: false),
                ]), required: false), .init("rules", .array(.string(1...64)), required: false),
            ]), count: 2...Experiment.armsMax)), .init("from", .any, required: false), .init("until", .any, required: false),
        .init("placement", .string(), required: false), .init("enabled", .boolean, required: false),
      ]).described("An experiment; schemas/experiment-v1.schema.json says more.")),
    .init("Fault", .object([.init("index", .integer(0...Int.max)), .init("reason", .string()), .init("message", .string())])),
    .init(
      "Scores",
      .object([
        .init("user", .string()), .init("epoch", .integer()), .init("age_ms", .integer()),
        .init(
          "scores",
          .array(
            .object([
              .init("item", .string()), .init("score", .number().orNull.described("null for an item without a vector.")),
              .init("seen", .boolean), .init("available", .boolean),
            ]))),
      ])),
  ]
}

extension RequestOption {
  var schema: JSONSchema {
    var schema: JSONSchema =
      switch kind {
      case .integer(let range): .integer(range)
      case .number(let range): .number(range)
      case .flag: .boolean
      case .text(let bytesMax): .string(1...bytesMax)
      case .choice(let words): .oneOf(words)
      case .texts(let countMax, _): .array(.string(1...256), count: 0...countMax)
      case .weights(let countMax):
        .array(
          .oneOf([
            .string(1...256),
            .object([.init("item", .string(1...256)), .init("weight", .number(Self.weightRange), required: false)], allowsMore: false),
          ]), count: 0...countMax)
      }
    if let example { schema = schema.withExample(example) }
    return schema
  }

  /// As a parameter of a query.
  var parameter: RouteParameter {
    let schema: JSONSchema =
      switch kind {
      case .texts(_, let countMax): .array(.string(1...256), count: 1...countMax)
      case .weights(let countMax): .array(.string(1...300), count: 1...countMax)
      default: schema
      }
    return .query(name, schema, summary)
  }

  /// As a member of a body.
  var property: JSONSchema.Property { .init(name, schema.described(summary), required: false) }
}

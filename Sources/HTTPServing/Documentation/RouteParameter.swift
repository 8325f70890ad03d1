/// A parameter of a documented route. One whose schema is an array may be repeated.
public struct RouteParameter: Sendable, Equatable {
  public enum Location: String, Sendable {
    case path, query, header
  }

  public let name: String
  public let location: Location
  public let schema: JSONSchema
  public let description: String
  public let isRequired: Bool

  private init(_ name: String, _ location: Location, _ schema: JSONSchema, _ description: String, required: Bool) {
    self.name = name
    self.location = location
    self.schema = schema
    self.description = description
    isRequired = required
  }

  public static func path(_ name: String, _ schema: JSONSchema, _ description: String) -> RouteParameter {
    RouteParameter(name, .path, schema, description, required: true)
  }
  public static func query(_ name: String, _ schema: JSONSchema, _ description: String, required: Bool = false) -> RouteParameter {
    RouteParameter(name, .query, schema, description, required: required)
  }
  /// Headers are documented; the handler checks them, because what their absence means differs.
  public static func header(_ name: String, _ schema: JSONSchema, _ description: String, required: Bool = false) -> RouteParameter {
    RouteParameter(name, .header, schema, description, required: required)
  }
}

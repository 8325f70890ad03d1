/// The body that a documented route takes.
public struct RouteBody: Sendable, Equatable {
  public struct Form: Sendable, Equatable {
    public let mediaType: String
    public let schema: JSONSchema

    public init(_ mediaType: String, _ schema: JSONSchema) {
      self.mediaType = mediaType
      self.schema = schema
    }
  }

  /// The media types that are accepted; a body without Content-Type is taken for the first.
  public let forms: [Form]
  public let description: String
  public let isRequired: Bool
  /// In bytes; `nil` for the server's limit.
  public let sizeMax: Int?

  public init(_ forms: [Form], _ description: String, required: Bool = true, sizeMax: Int? = nil) {
    precondition(!forms.isEmpty, "a body has a media type")
    self.forms = forms
    self.description = description
    isRequired = required
    self.sizeMax = sizeMax
  }

  public static func json(_ schema: JSONSchema, _ description: String, required: Bool = true, sizeMax: Int? = nil) -> RouteBody {
    RouteBody([Form("application/json", schema)], description, required: required, sizeMax: sizeMax)
  }
}

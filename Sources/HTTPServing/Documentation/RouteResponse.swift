/// A response of a documented route that is no problem.
public struct RouteResponse: Sendable, Equatable {
  public struct Header: Sendable, Equatable {
    public let name: String
    public let description: String

    public init(_ name: String, _ description: String) {
      self.name = name
      self.description = description
    }
  }

  public let status: Int
  public let description: String
  /// `nil` for a response without a body.
  public let schema: JSONSchema?
  public let mediaType: String
  public let headers: [Header]

  public init(
    _ status: Int, _ description: String, schema: JSONSchema? = nil, mediaType: String = "application/json", headers: [Header] = []
  ) {
    self.status = status
    self.description = description
    self.schema = schema
    self.mediaType = mediaType
    self.headers = headers
  }
}

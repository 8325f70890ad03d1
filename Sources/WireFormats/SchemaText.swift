import StreamingRecommender

/// A schema as a registry gives it.
public struct SchemaText: Sendable, Equatable {
  public enum Kind: String, Sendable {
    case avro = "AVRO"
    case protobuf = "PROTOBUF"
    case json = "JSON"
  }

  public struct Reference: Sendable, Equatable {
    /// A path of an import, or a name of a type.
    public var name: String
    public var text: String
    public init(name: String, text: String) {
      self.name = name
      self.text = text
    }
  }

  public var kind: Kind
  public var text: String
  /// The schemas that this one needs, each of them after those that it needs itself.
  public var references: [Reference]

  public init(kind: Kind, text: String, references: [Reference] = []) {
    self.kind = kind
    self.text = text
    self.references = references
  }
}

/// Why a registry did not give a schema.
public enum SchemaFault: Error, Sendable, Equatable {
  /// The registry says that there is no such schema, or gives one that cannot be used. Its records are rejected.
  case refused(String)
  /// The registry does not answer as it should. Its records wait.
  case unavailable(String)
}

/// Where schemas come from. A fetch may block; `SchemaCache` calls it from a thread of its own.
public protocol SchemaFetching: Sendable {
  func fetch(_ schema: SchemaName) throws(SchemaFault) -> SchemaText
  /// Requests since the start, by result.
  var requests: [String: Int] { get }
}

/// What is stored in Redis contradicts itself or cannot be read.
public struct GatewayDataError: Error, CustomStringConvertible, Equatable {
  public let description: String
  init(_ description: String) { self.description = description }
}

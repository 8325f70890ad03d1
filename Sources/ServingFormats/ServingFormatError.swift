/// Why stored bytes cannot be read. The sentence goes on after "the value of KEY cannot be read: ".
public struct ServingFormatError: Error, CustomStringConvertible, Equatable {
  public let description: String
  init(_ description: String) { self.description = description }
}

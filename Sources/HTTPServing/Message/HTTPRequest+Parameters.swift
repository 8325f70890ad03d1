extension HTTPRequest {
  /// The value of a query parameter that the route documents as an integer; `nil` if it was not sent.
  public func integer(_ name: String) -> Int? { query[name].flatMap { Int($0) } }

  /// The value of a query parameter that the route documents as a number; `nil` if it was not sent.
  public func number(_ name: String) -> Double? { query[name].flatMap { Double($0) } }

  /// The value of a query parameter that the route documents as a boolean; `nil` if it was not sent.
  public func flag(_ name: String) -> Bool? { query[name].map { $0 == "true" } }
}

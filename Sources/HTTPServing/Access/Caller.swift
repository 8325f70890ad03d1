/// Who sent a request.
public struct Caller: Sendable, Equatable {
  /// The name of the token, if the server asks for one.
  public var name: String?
  /// What the caller may do; `nil` where nobody is asked.
  public var role: AccessRole?
  /// Behind a trusted proxy the address that it names.
  public var address: ClientAddress?

  public init(name: String? = nil, role: AccessRole? = nil, address: ClientAddress? = nil) {
    self.name = name
    self.role = role
    self.address = address
  }

  /// For the audit log: the name of the token, or else the address.
  public var label: String { name ?? address?.description ?? "unknown" }
}

/// The target in the request line, in any of its forms.
struct RequestTarget: Equatable {
  /// Begins with a slash, or is `*`.
  let rawPath: String
  /// The authority of `http://authority/path`, which takes the place of the Host header.
  let authority: String?

  init(_ text: String) {
    guard let scheme = ["http://", "https://"].first(where: { text.prefix($0.count).lowercased() == $0 }) else {
      rawPath = text
      authority = nil
      return
    }
    let rest = text.dropFirst(scheme.count)
    let end = rest.firstIndex(of: "/") ?? rest.endIndex
    authority = String(rest[..<end])
    rawPath = end == rest.endIndex ? "/" : String(rest[end...])
  }
}

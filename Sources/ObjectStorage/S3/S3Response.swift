/// What a server answered.
struct S3Response {
  var status = 0
  /// By name in lower case.
  var headers: [String: String] = [:]
  /// What the caller did not take while it came.
  var body: [UInt8] = []

  var document: XMLElement? { XMLElement.parse(body) }
}

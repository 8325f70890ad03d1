enum Version {
  static let freshet = "0.1.0"

  static var swift: String {
    #if swift(>=6.3)
      "6.3 or newer"
    #elseif swift(>=6.2)
      "6.2"
    #elseif swift(>=6.1)
      "6.1"
    #else
      "6.0"
    #endif
  }
}

/// Why a stored model cannot be used.
enum StoredModelFault: Error, Equatable, CustomStringConvertible {
  case factors(_ epoch: UInt32, _ stored: Int, _ wanted: Int)
  case noItems(_ epoch: UInt32)

  var description: String {
    switch self {
    case .factors(let epoch, let stored, let wanted):
      "the model of epoch \(epoch) has \(stored) factors and the configuration says model.factors=\(wanted): start with model.factors=\(stored) to use it"
    case .noItems(let epoch): "the model of epoch \(epoch) knows none of the current items"
    }
  }
}

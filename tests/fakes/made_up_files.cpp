// Owns: a folder that stands before "/proc" and "/sys", made for a test and removed after it.
// Must not know: what the code under test reads of it.
#include "fakes/made_up_files.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>

namespace numapool::fakes {

MadeUpFiles::MadeUpFiles() {
    std::string name = (std::filesystem::temp_directory_path() / "numapool-files-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a folder like " + name);
    root_ = name;
}

MadeUpFiles::~MadeUpFiles() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
}

void MadeUpFiles::write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = root_ + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
}

void MadeUpFiles::remove(const std::string& path) const { std::filesystem::remove_all(root_ + path); }

}  // namespace numapool::fakes

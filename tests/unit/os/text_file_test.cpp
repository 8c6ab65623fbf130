// Owns: checks of reading small text files.
// Must not know: what the files mean.
#include "os/text_file.h"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>

#include <gtest/gtest.h>

namespace numapool::os {
namespace {

class TextFile : public testing::Test {
protected:
    void write(const std::string& text) const { std::ofstream(path_) << text; }
    void TearDown() override { std::remove(path_.c_str()); }

    const std::string path_ = testing::TempDir() + "text_file_test." + std::to_string(::getpid());
};

TEST_F(TextFile, IsReadWhole) {
    const std::string text(10000, 'x');
    write(text);
    EXPECT_EQ(read_text_file(path_), text);
    EXPECT_FALSE(read_text_file(path_ + ".missing"));
    EXPECT_TRUE(read_text_file("/proc/self/status")) << "a file whose size reads 0";
}

TEST_F(TextFile, IsReadAsFarAsTheBufferGoes) {
    write("0123456789");
    std::array<char, 4> little{};
    EXPECT_EQ(read_text_file(path_.c_str(), little), "0123");
    std::array<char, 100> much{};
    EXPECT_EQ(read_text_file(path_.c_str(), much), "0123456789");
    EXPECT_EQ(read_text_file(path_.c_str(), {}), "");
    EXPECT_FALSE(read_text_file((path_ + ".missing").c_str(), much));
    EXPECT_FALSE(read_text_file("/", much)) << "a folder";
}

TEST_F(TextFile, NumbersAreWholeOrNothing) {
    const auto number = [&](const std::string& text) {
        write(text);
        return read_number(path_);
    };
    EXPECT_EQ(number("42\n"), 42U);
    EXPECT_EQ(number(" 18446744073709551615 "), 18446744073709551615U);
    for (const char* text : {"", "max\n", "42 kB", "-1", "18446744073709551616", "0x10"}) {
        EXPECT_FALSE(number(text)) << text;
    }
}

}  // namespace
}  // namespace numapool::os

"""Chi trả tiền mặt qua bưu điện: the list of who is paid goes out as a file, the settlement of it comes in as one."""
